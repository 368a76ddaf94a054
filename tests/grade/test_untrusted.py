"""Submissions are strangers': what is taken, what compiling may read, what they cannot forge."""

from collections.abc import Callable
from pathlib import Path

import pytest

from simvirt.errors import InputError
from simvirt.grade.lab import Lab
from simvirt.grade.runner import Grader
from simvirt.grade.submission import take
from simvirt.toolchain import build
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


@pytest.mark.parametrize("way", READS)
def test_compiling_reads_nothing_else(way: str, submit: Submit, tmp_path: Path) -> None:
    secret = tmp_path / "hidden.toml"
    secret.write_text(f"{SECRET} = 1\n")
    folder = submit("thief", added=READS[way].format(path=secret))
    with pytest.raises(InputError) as refused:
        build(["vmm-core"], overrides=folder, untrusted=True)
    words = ("one of its sources", "directive", "error: stop")
    assert any(word in str(refused.value) for word in words)
    assert SECRET not in str(refused.value)


def test_own_compiler_headers_are_fine(submit: Submit) -> None:
    build(["vmm-core"], overrides=submit("fine", added="\n#include <stddef.h>\n"), untrusted=True)


def test_ending_the_vm_with_success_is_worth_nothing(small: Lab, submit: Submit) -> None:
    start = "void emulate_csr(struct vcpu *v, u32 insn)\n{"
    forged = (
        start
        + "\n\tvm_end(v->vm, 0, 0);\n\thal_console_put(v->vm, 0x50);\n\tif (insn)\n\t\treturn;"
    )
    grade = Grader(small).one(submit("forger", (start, forged)))
    assert (grade.score, grade.failed) == (0, ("write",)), grade


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
