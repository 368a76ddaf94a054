"""Submissions are strangers': what is taken, what compiling may read, what they cannot forge."""

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from simvirt.errors import InputError
from simvirt.grade.lab import Lab
from simvirt.grade.runner import Grader
from simvirt.grade.submission import take
from simvirt.grade.trying import _discreet
from simvirt.toolchain import build, process
from tests.grade.conftest import FILE, make_lab

Submit = Callable[..., Path]


def test_only_listed_files_are_taken(small: Lab, submit: Submit) -> None:
    folder = submit("extra")
    (folder / "guests.toml").write_text("[minos]\n")
    (folder / "vmm/core/core.h").write_text("#error never read\n")
    assert set(take(small, folder).files) == {FILE}


def test_a_missing_file_is_the_skeletons(small: Lab, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (small.folder / "skeleton" / FILE).write_text("skeleton")
    submission = take(small, tmp_path / "empty")
    assert (submission.files, submission.missing) == ({FILE: b"skeleton"}, (FILE,))


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_links_are_refused(small: Lab, submit: Submit, tmp_path: Path, depth: int) -> None:
    parts = FILE.split("/")
    real = submit("real")
    link = tmp_path / "linked" / "/".join(parts[:depth])
    link.parent.mkdir(parents=True)
    link.symlink_to(real / "/".join(parts[:depth]))
    with pytest.raises(InputError, match="symbolic link"):
        take(small, tmp_path / "linked")


def test_large_files_are_refused(small: Lab, submit: Submit) -> None:
    with pytest.raises(InputError, match="larger than"):
        take(small, submit("large", added=" " * small.max_file))


SECRET = "the_hidden_inputs"
READS = {
    "include by a relative path": '\n#include "../../../{below}"\n',
    "incbin by a relative path": '\nasm(".incbin \\"../{below}\\"");\n',
    "include": '\n#include "{path}"\n',
    "include by a macro": '\n#define NAME "{path}"\n#include NAME\n',
    "include, then an error": '\n#include "{path}"\n#error stop\n',
    "embed": '\n#pragma clang diagnostic ignored "-Wc23-extensions"\n'
    'const char stolen[] = {{\n#embed "{path}"\n}};\n',
    "incbin": '\nasm(".incb" "in \\"{path}\\"");\n',
    "incbin by an operand": "\nextern char incbin[];\nvoid f(void);\nvoid f(void)"
    '{{ asm(".%c0 \\"{path}\\"" :: "i"(incbin)); }}\n',
    "incbin by a macro": '\nasm(".macro get a b\\n.\\\\a\\\\b \\"{path}\\"\\n.endm\\n'
    'get inc bin");\n',
}


# What the linker would read, and quote when it is no object: two ways to name a library.
LINKS = {
    "pragma": '\n#pragma comment(lib, "{path}")\n',
    "section": '\nasm(".section .deplibs,\\"MS\\",@llvm_dependent_libraries,1\\n"\n'
    '".asciz \\"{path}\\"\\n.text");\n',
}


def _secret(tmp_path: Path) -> dict[str, str]:
    """A hidden file, by its absolute path, and from where the compiler's folders are made."""
    secret = tmp_path / "hidden.toml"
    secret.write_text(f"{SECRET} = 1\nsecond = {SECRET}\n")
    return {"path": str(secret), "below": os.path.relpath(secret, tempfile.gettempdir())}


@pytest.mark.parametrize("way", READS)
def test_compiling_reads_nothing_else(way: str, submit: Submit, tmp_path: Path) -> None:
    folder = submit("thief", added=READS[way].format(**_secret(tmp_path)))
    with pytest.raises(InputError) as refused:
        build(["vmm-core"], overrides=folder, untrusted=True)
    words = ("one of its sources", "directive", "error: stop")
    assert any(word in str(refused.value) for word in words)
    assert SECRET not in str(refused.value)


@pytest.mark.parametrize("way", LINKS)
def test_linking_shows_nothing_else(way: str, small: Lab, submit: Submit, tmp_path: Path) -> None:
    folder = submit("thief", added=LINKS[way].format(**_secret(tmp_path)))
    grade = Grader(small).one(folder)
    assert grade.score == 0
    assert SECRET not in json.dumps(grade.to_json())
    assert "names a library" in grade.tests[0].message


@pytest.mark.parametrize("way", LINKS)
def test_nothing_else_is_linked(way: str, small: Lab, submit: Submit, tmp_path: Path) -> None:
    """What the linker takes without a word is refused just so."""
    (tmp_path / "script.ld").write_text("/* a linker script that says nothing */\n")
    folder = submit("borrower", added=LINKS[way].format(path=tmp_path / "script.ld"))
    grade = Grader(small).one(folder)
    assert (grade.score, grade.broken) == (0, False)
    assert "names a library" in grade.tests[0].message


@pytest.mark.parametrize("words", ["/a/hidden.toml:2: x", "../hidden.toml:2: x", "C:\\h.c:1: x"])
def test_the_linkers_words_about_other_files_are_kept_back(words: str) -> None:
    told = _discreet(f"hypervisor: does not link (ld):\nld.lld: error: {words}\n>>> seed = 1")
    assert told.startswith("hypervisor: does not link: ")
    assert "hidden" not in told and "seed" not in told


def test_the_linkers_own_words_are_shown(small: Lab, submit: Submit) -> None:
    added = "\nvoid absent(void);\nvoid caller(void);\nvoid caller(void)\n{\n\tabsent();\n}\n"
    grade = Grader(small).one(submit("unlinked", added=added))
    assert "undefined symbol: absent" in grade.tests[0].message
    assert "csr_insn.c" in grade.tests[0].message


def test_a_link_is_not_followed_when_grading(small: Lab, submit: Submit, tmp_path: Path) -> None:
    (tmp_path / "hidden.c").write_text(f"int {SECRET};\n")
    folder = submit("linked")
    (folder / FILE).unlink()
    (folder / FILE).symlink_to(tmp_path / "hidden.c")
    grade = Grader(small).one(folder)
    assert grade.score == 0
    assert SECRET not in json.dumps(grade.to_json())
    assert "symbolic link" in grade.tests[0].message


def test_own_compiler_headers_are_fine(submit: Submit) -> None:
    build(["vmm-core"], overrides=submit("fine", added="\n#include <stddef.h>\n"), untrusted=True)


# A submission is the VMM: it may say and end what it likes, but it must compute to score.
FORGED = {
    "the VM ends with success": "vm_end(v->vm, 0, 0);",
    "the machine ends with success": "*(volatile u32 *)BOARD_FINISHER = 0x5555;",
    "marks say so": "MARK(MARK_EXIT, EXIT_CSR);\n\tMARK(MARK_EXIT, EXIT_CSR);\n"
    "\tMARK(MARK_VM_END, 0);\n\t*(volatile u32 *)BOARD_FINISHER = 0x5555;",
    "the console says so": "for (const char *p = SAID; *p; p++)\n\t\thal_console_put(v->vm, *p);\n"
    "\tv->pc += 4;",
}
SAID = '{"test": {"id": "write", "status": "passed", "score": 2.0}}'


@pytest.mark.parametrize("way", FORGED)
def test_what_a_submission_says_is_worth_nothing(way: str, small: Lab, submit: Submit) -> None:
    start = "void emulate_csr(struct vcpu *v, u32 insn)\n{"
    head = f"#include <board.h>\n#include <mark.h>\n#define SAID {json.dumps(SAID)}\n{start}"
    forged = f"{head}\n\t{FORGED[way]}\n\tif (insn)\n\t\treturn;"
    grade = Grader(small).one(submit("forger", (start, forged)))
    assert (grade.score, grade.failed, grade.broken) == (0, ("write",), False), grade


def _grows(levels: int) -> str:
    """A sum of 4 ** levels terms, of a few lines."""
    lines = [f"#define A{n} {' '.join([f'A{n - 1}'] * 4)}" for n in range(1, levels + 1)]
    body = f"int grown(void);\nint grown(void)\n{{\n\treturn A{levels} 1;\n}}\n"
    return "\n#define A0 1 +\n" + "\n".join(lines) + "\n" + body


GREEDY = {
    "a macro": _grows(15),
    "the assembler": '\nasm(".data\\n.fill 1000000000,8,1\\n.text");\n',
    "an array": "\nextern char large[];\nchar large[1ul << 34] = {1};\n",
}


@pytest.mark.skipif(sys.platform != "linux", reason="no limits on address space elsewhere")
@pytest.mark.parametrize("way", GREEDY)
def test_a_compiler_may_not_need_any_amount(way: str, small: Lab, submit: Submit) -> None:
    grade = Grader(small).one(submit("greedy", added=GREEDY[way]))
    assert (grade.score, grade.broken) == (0, False)
    assert {test.status for test in grade.tests} == {"failed"}
    assert "it needed more than 384 MB of memory" in grade.tests[0].message
    assert "simplify the source" in grade.tests[0].message


@pytest.mark.skipif(sys.platform != "linux", reason="no limits on address space elsewhere")
@pytest.mark.parametrize("strange", [False, True])
def test_a_strangers_compiler_has_less(
    strange: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIMVIRT_SCRATCH", str(tmp_path) if strange else "")
    said = "import resource; print(*resource.getrlimit(resource.RLIMIT_AS))"
    outcome = process.run([sys.executable, "-c", said], tmp_path, {})
    limit = process.STRANGERS if strange else process.MEMORY
    assert outcome.text.split() == [str(limit)] * 2
    assert process.STRANGERS < 600e6 < process.MEMORY


@pytest.mark.skipif(os.name != "posix", reason="a script for a POSIX shell")
def test_what_a_compiler_says_is_cut(tmp_path: Path) -> None:
    script = tmp_path / "talk.sh"
    script.write_text("#!/bin/sh\nhead -c 3000000 /dev/zero | tr '\\0' x\nexit 3\n")
    outcome = process.run(["/bin/sh", str(script)], tmp_path, {"PATH": os.defpath})
    assert (outcome.status, outcome.text) == (3, "x" * process.SHOWN + "\n...\n")


def test_an_endless_vmm_uses_up_its_steps_only(small: Lab, submit: Submit) -> None:
    start = "void emulate_csr(struct vcpu *v, u32 insn)\n{"
    grade = Grader(small).one(submit("endless", (start, f"{start}\n\tfor (;;)\n\t\t;")))
    assert not grade.broken
    assert "steps of this test are used up" in grade.tests[0].message
    assert grade.tests[1].status == "skipped"


def test_the_wall_clock_is_a_safety_net(submit: Submit, tmp_path: Path) -> None:
    lab = make_lab(tmp_path / "hasty", seconds=0.2)
    grade = Grader(lab, tmp_path / "out").one(submit("late"))
    assert grade.broken
    assert "stopped" in grade.notes[0]
    assert {test.status for test in grade.tests} == {"error"}
    assert not (tmp_path / "out").exists()  # to be graded again
