"""Building guests: results, caching, path independence, overrides, messages."""

import os
from pathlib import Path

import pytest

from simvirt.errors import InputError
from simvirt.loader import load_elf
from simvirt.toolchain import Changes, build, compile_user_program, compiling, export_sources
from tests.toolchain.conftest import TREE, write_tree

pytestmark = pytest.mark.usefixtures("compiler")


def test_builds_an_executable_with_lines(guests: Path) -> None:
    artifact = build(["tiny"], guests_dir=guests)["tiny"]
    image = load_elf(artifact.path)
    assert image.entry == image.address_of("_start")
    assert str(image.source_line(image.entry)) == "tiny/main.c:5"
    assert str(image.source_line(image.address_of("add"))) == "lib/add.c:2"
    assert artifact.workloads == ("one", "two")
    assert not artifact.changes
    assert artifact.sha256 == image.sha256


def test_two_folders_two_environments_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for name in ("one", "a much longer folder name"):
        folder = write_tree(tmp_path / name / "guests", TREE)
        monkeypatch.setenv("SIMVIRT_CACHE", str(tmp_path / name / "cache"))
        monkeypatch.setenv("CPATH", str(tmp_path / name))
        monkeypatch.setenv("HOME", str(tmp_path / name))
        results.append(build(guests_dir=folder))
    first, second = results
    assert first.keys() == second.keys()
    for name, artifact in first.items():
        assert artifact.path.read_bytes() == second[name].path.read_bytes()
        assert str(tmp_path).encode() not in artifact.path.read_bytes()


def test_nothing_is_compiled_twice(guests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(guests_dir=guests)
    monkeypatch.setattr(compiling, "run", None)  # calling it would raise
    assert build(guests_dir=guests)
    (guests / "lib/add.h").write_text("int add(int a, int b);\n/* changed */\n")
    with pytest.raises(TypeError):
        build(["tiny"], guests_dir=guests)


def test_the_source_tree_is_not_written_to(guests: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in guests.rglob("*")}
    build(guests_dir=guests)
    assert {path: path.stat().st_mtime_ns for path in guests.rglob("*")} == before


def test_embedded_program_is_stripped_and_inside(guests: Path) -> None:
    made = build(["tiny", "outer"], guests_dir=guests)
    outer = load_elf(made["outer"].path)
    inner = load_elf(next(s.data for s in outer.segments if s.data[:4] == b"\x7fELF"))
    assert inner.segments == load_elf(made["tiny"].path).segments
    assert not inner.symbols


def test_compile_error_names_the_users_file(guests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(guests)
    (guests / "tiny/main.c").write_text("int x = nothing;\n")
    with pytest.raises(InputError, match=r"tiny/main\.c:1:9: error: .*'nothing'") as caught:
        build(["tiny"], guests_dir=guests)
    assert "simvirt-cc-" not in str(caught.value)


def test_error_in_a_header_names_the_header(guests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(guests.parent)
    (guests / "lib/add.h").write_text("int add(nothing);\n")
    with pytest.raises(InputError, match=r"(?m)^guests/lib/add\.h:1:9: error"):
        build(["tiny"], guests_dir=guests)


def test_link_error_names_the_program(guests: Path) -> None:
    (guests / "lib/add.c").write_text("")
    with pytest.raises(InputError, match=r"(?s)tiny: does not link.*add"):
        build(["tiny"], guests_dir=guests)


def test_date_is_refused(guests: Path) -> None:
    (guests / "lib/add.c").write_text("const char *date = __DATE__;\n")
    with pytest.raises(InputError, match="date"):
        build(["tiny"], guests_dir=guests)


def test_only_named_sources_are_visible(guests: Path) -> None:
    (guests / "lib/add.c").write_text('__asm__(".incbin \\"guests.toml\\"");\n')
    with pytest.raises(InputError, match=r"guests\.toml"):
        build(["tiny"], guests_dir=guests)


def test_endless_compilation_is_stopped(guests: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("simvirt.toolchain.process.run.__defaults__", (1,))
    (guests / "lib/add.c").write_text('__asm__(".rept 1000000000\\nnop\\n.endr");\n')
    with pytest.raises(InputError, match=r"took more than 1 s|does not compile"):
        build(["tiny"], guests_dir=guests)


# Overrides


def test_a_single_file_replaces_ours(guests: Path, tmp_path: Path) -> None:
    mine = write_tree(tmp_path / "mine", {"lib/add.c": "int add(int a, int b) { return a - b; }\n"})
    ours = build(guests_dir=guests)
    made = build(guests_dir=guests, overrides=mine)
    assert made["tiny"].changes == made["outer"].changes == Changes(replaced=("lib/add.c",))
    assert made["tiny"].sha256 != ours["tiny"].sha256
    assert not made["first"].changes
    assert made["first"].sha256 == ours["first"].sha256


def test_a_header_replaces_ours(guests: Path, tmp_path: Path) -> None:
    mine = write_tree(tmp_path / "mine", {"tiny/tiny.h": TREE["tiny/tiny.h"] + "/* mine */\n"})
    made = build(["tiny"], guests_dir=guests, overrides=mine)
    assert made["tiny"].changes == Changes(replaced=("tiny/tiny.h",))


def test_a_file_that_ours_has_not_is_added(guests: Path, tmp_path: Path) -> None:
    files = {
        "lib/add.c": '#include "less.h"\nint add(int a, int b) { return LESS(a, b); }\n',
        "lib/less.h": "#define LESS(a, b) ((a) - (b))\n",
        "tiny/more.c": "int more;\n",
    }
    made = build(guests_dir=guests, overrides=write_tree(tmp_path / "mine", files))
    found = Changes(("lib/add.c",), ("lib/less.h", "tiny/more.c"))
    assert made["tiny"].changes == made["outer"].changes == found
    assert not made["first"].changes


def test_an_unchanged_copy_replaces_nothing(guests: Path, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    written = export_sources(mine, ("outer",), guests_dir=guests)
    assert {"outer/start.S", "tiny/main.c", "tiny/tiny.h", "lib/add.h"} < set(written)
    assert not build(["outer"], guests_dir=guests, overrides=mine)["outer"].changes
    with pytest.raises(InputError, match="exists already"):
        export_sources(mine, ("outer",), guests_dir=guests)


def test_a_folder_with_its_own_table_replaces_all(guests: Path, tmp_path: Path) -> None:
    table = '[tiny]\nsources = ["tiny/*.c"]\nscript = "tiny/tiny.ld"\n'
    mine = write_tree(
        tmp_path / "mine",
        {"guests.toml": table, "tiny/other.c": "void _start(void) { for (;;) ; }\n"},
    )
    artifact = build(["tiny"], guests_dir=guests, overrides=mine)["tiny"]
    assert artifact.changes == Changes(added=("tiny/other.c",))
    assert [s.name for s in load_elf(artifact.path).symbols] == ["_start"]


def test_no_such_overrides(guests: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        build(["tiny"], guests_dir=guests, overrides=tmp_path / "none")


# A user's own file


def test_user_program_gets_the_runtime(guests: Path, tmp_path: Path) -> None:
    path = tmp_path / "my prog.c"
    path.write_text('#include "mine.h"\n#include <greet.h>\nint main(void) { return MINE; }\n')
    (tmp_path / "mine.h").write_text("#define MINE 5\n")
    image = load_elf(compile_user_program(path, guests_dir=guests).path)
    assert {"_start", "main", "add"} <= {s.name for s in image.symbols}
    assert str(image.source_line(image.address_of("main"))) == "my prog.c:3"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("bare.c", "void _start(void) { for (;;) ; }\n"),
        ("bare.S", ".globl _start\n_start: j _start\n"),
    ],
)
def test_user_program_with_start_stands_alone(
    guests: Path, tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)
    image = load_elf(compile_user_program(tmp_path / name, guests_dir=guests).path)
    assert [s.name for s in image.symbols] == ["_start"]


def test_user_program_error(guests: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad.c").write_text("int main(void) { return oops; }\n")
    with pytest.raises(InputError, match=r"(?m)^bad\.c:1:25: error"):
        compile_user_program(Path("bad.c"), guests_dir=guests)


@pytest.mark.parametrize(
    ("name", "text", "told"),
    [
        ("local.S", "_start: j _start\n", "_start is local.* add the line `.globl _start`"),
        ("main.S", "main: ret\n", "main is local.* add the line `.globl main`"),
        ("static.c", "static int main(void) { return 0; }\nint (*p)(void) = main;\n", "`static`"),
        ("none.S", "begin: j begin\n", "define main or _start"),
    ],
)
def test_a_program_that_the_linker_cannot_begin(
    name: str, text: str, told: str, guests: Path, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=f"{name}: .*{told}"):
        compile_user_program(tmp_path / name, guests_dir=guests)


def test_user_program_missing_or_of_another_kind(guests: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        compile_user_program(Path("gone.c"), guests_dir=guests)
    with pytest.raises(InputError, match=r"not a \.c"):
        compile_user_program(Path("x.py"), guests_dir=guests)


def test_concurrent_builds_agree(guests: Path) -> None:
    """Several processes start with an empty cache; none sees half a file."""
    import subprocess
    import sys

    code = (
        "import sys; from pathlib import Path; from simvirt.toolchain import build\n"
        "print(build(['outer'], guests_dir=Path(sys.argv[1]))['outer'].sha256)"
    )
    command = [sys.executable, "-c", code, str(guests)]
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    running = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, cwd=root)
        for _ in range(3)
    ]
    results = {process.communicate(timeout=60)[0] for process in running}
    assert len(results) == 1
    assert len(results.pop().strip()) == 64
