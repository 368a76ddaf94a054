"""``simvirt new lab``: what a student begins with, of a lab of ours or of any folder."""

import shlex
import shutil
from pathlib import Path

import pytest

from simvirt.grade.lab import labs_folder, load_lab
from simvirt.virt.guests import guest_source
from tests.cli.conftest import Cli

OURS = "csr-emulation"


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    """A lecturer's own lab, in the folder where the commands run."""
    folder = tmp_path / "my lab"
    shutil.copytree(labs_folder() / OURS, folder)
    path = folder / "lab.toml"
    path.write_text(path.read_text().replace('title = "Emulate', 'title = "Mine: emulate'))
    (folder / "statement.md").write_text("# Mine\n")
    return folder


def _content(folder: Path) -> dict[str, bytes]:
    return {p.relative_to(folder).as_posix(): p.read_bytes()
            for p in folder.rglob("*") if p.is_file()}  # fmt: skip


@pytest.mark.parametrize(
    "lab", ["my lab", "./my lab", "my lab/", "{absolute}", "{absolute}/", OURS]
)
def test_a_lab_may_lie_anywhere(lab: str, cli: Cli, mine: Path, tmp_path: Path) -> None:
    word = lab.format(absolute=mine)
    result = cli("new", "lab", word, "student")
    assert (result.code, result.err) == (0, "")
    found = _content(tmp_path / "student")
    source = labs_folder() / OURS if lab == OURS else mine
    assert found["statement.md"] == (source / "statement.md").read_bytes()
    for name in load_lab(source).files:
        assert found[name] == (source / "skeleton" / name).read_bytes() != guest_source(name)
    assert found["vmm/core/run.c"] == guest_source("vmm/core/run.c")
    told = result.out.splitlines()[-1].removeprefix("then: ")
    assert shlex.split(told) == ["simvirt", "grade", word, "student"]


BAD = [
    (("nosuch", "student"), f"nosuch: no lab ({OURS}) and no folder with a lab.toml"),
    (("./nosuch/", "student"), "./nosuch/: no lab"),
    (("my lab/statement.md", "student"), "no folder with a lab.toml"),
    (("my lab",), "say where"), (("my lab", "a", "b"), "say where"),
    (("my lab", "my lab"), "exists already"), (("my lab", "file/x"), "cannot be written"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "told"), BAD)
def test_what_is_no_lab_is_told(
    words: tuple[str, ...], told: str, cli: Cli, mine: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    before = _content(tmp_path)
    result = cli("new", "lab", *words)
    assert result.code == 2
    assert told in result.err
    assert _content(tmp_path) == before and mine.is_dir()


LACKING = ["statement.md", "skeleton/vmm/core/csr.c", "lab.toml"]


@pytest.mark.parametrize("lacking", LACKING)
def test_a_lab_that_is_not_whole_is_told(
    lacking: str, cli: Cli, mine: Path, tmp_path: Path
) -> None:
    (mine / lacking).unlink()
    result = cli("new", "lab", "./my lab", "student")
    assert result.code == 2
    assert "my lab" in result.err and lacking in result.err
    assert not (tmp_path / "student").exists()


def test_a_folder_may_be_called_lab(cli: Cli, tmp_path: Path) -> None:
    assert cli("new", "lab", "uno").code == 0
    assert (tmp_path / "lab" / "uno").is_dir()
    assert not (tmp_path / "lab" / "statement.md").exists()


def test_its_help_tells_of_labs(cli: Cli) -> None:
    told = cli("new", "--help").out
    assert "new [-h] lab LAB DIR" in told
    assert OURS in told and "lab's folder" in told
