"""Small guest trees, a private cache, and tests that are skipped without a compiler."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from simvirt.toolchain import find_compiler

SCRIPT = """ENTRY(_start)
SECTIONS
{
    . = 0x80000000;
    .text : { *(.text .text.*) }
    .rodata : { *(.rodata .rodata.* .srodata .srodata.*) }
    .data : { *(.data .data.* .sdata .sdata.* .bss .bss.* .sbss .sbss.*) }
}
"""
TREE = {
    "guests.toml": """
[tiny]
sources = ["tiny/*.c", "lib/add.c"]
script = "tiny/tiny.ld"
workloads = ["one", "two"]
[outer]
sources = ["outer/start.S"]
script = "tiny/tiny.ld"
embed = { "inner.elf" = "tiny" }
[core]
object = true
sources = ["core/*.c"]
[first]
sources = ["first/main.c"]
objects = ["core"]
script = "tiny/tiny.ld"
[second]
sources = ["second/main.c"]
objects = ["core"]
script = "tiny/tiny.ld"
[hello]
sources = ["hello/hello.c", "lib/start.c", "lib/add.c"]
script = "tiny/tiny.ld"
include = ["hello/include"]
""",
    "tiny/tiny.ld": SCRIPT,
    "tiny/main.c": '#include "tiny.h"\n#include <isa.h>\n#include <board.h>\n'
    "const char *file(void) { return __FILE__; }\n"
    "void _start(void) { add(BOARD_RAM & 1, ANSWER); for (;;) ; }\n",
    "tiny/tiny.h": '#include "../lib/add.h"\n#define ANSWER 42\n',
    "lib/add.h": "int add(int a, int b);\n",
    "lib/add.c": '#include "add.h"\nint add(int a, int b) { return a + b; }\n',
    "lib/start.c": "int main(void);\nvoid _start(void) { main(); for (;;) ; }\n",
    "include/unused.h": "",
    "hello/hello.c": "#include <greet.h>\nint main(void) { return GREET; }\n",
    "hello/include/greet.h": "#define GREET 3\n",
    "outer/start.S": '.globl _start\n_start: j _start\n.data\n.incbin "inner.elf"\n',
    "core/a.c": "int outside(const char *);\nint b(int);\n"
    'int a(int x) { return outside("text") + b(x); }\n',
    "core/b.c": "int outside(const char *);\nint b(int x) {\n"
    + "switch (x) {\n"
    + "".join(f'case {i}: return outside("case {i}") * {i};\n' for i in range(8))
    + "default: return 0; } }\n",
    "first/main.c": "int a(int);\nint outside(const char *s) { return s[0]; }\n"
    "void _start(void) { a(1); for (;;) ; }\n",
    "second/main.c": 'int a(int);\nconst char pad[] = "case 1 and more";\n'
    "int outside(const char *s) { return s[1] + pad[2]; }\n"
    "int more(int x) { return x * 77; }\nvoid _start(void) { a(more(2)); for (;;) ; }\n",
}


def write_tree(folder: Path, files: Mapping[str, str]) -> Path:
    """Write files below a folder, which is returned."""
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.fixture(autouse=True)
def private_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    cache = tmp_path / "cache"
    monkeypatch.setenv("SIMVIRT_CACHE", str(cache))
    return cache


@pytest.fixture
def guests(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "guests", TREE)


@pytest.fixture
def compiler() -> None:
    """The test needs a C compiler."""
    if find_compiler() is None:
        pytest.skip("no C compiler: pip install 'simvirt[cc]'")
