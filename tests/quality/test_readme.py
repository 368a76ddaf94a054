"""Law 8: what the README shows works; its set-up commands are what `.ci/run` runs."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def tour() -> list[str]:
    """The `simvirt` commands of the five-minute tour, without comments."""
    section = README.split("## Five minutes")[1].split("\n## ")[0]
    lines = re.findall(r"^    (simvirt .*)$", section, flags=re.MULTILINE)
    return [line.split("#")[0].strip() for line in lines]


def snippets() -> list[str]:
    """The Python blocks."""
    return re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """Run Python there, as a user without a terminal."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=folder, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300,
        check=False,
    )  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A place like the checkout, in which the commands may leave files."""
    shutil.copytree(ROOT / "guests", tmp_path / "guests")
    return tmp_path


def test_tour(folder: Path) -> None:
    """Its commands, in order, each with exit code 0 and something to see."""
    assert len(tour()) >= 5
    for line in tour():
        done = run(["-m", "simvirt", *shlex.split(line)[1:]], folder)
        assert done.returncode == 0, f"{line}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
        assert done.stdout or done.stderr


@pytest.mark.parametrize("number", range(len(snippets())))
def test_snippet(number: int, folder: Path) -> None:
    """The Python of the README runs and prints."""
    done = run(["-c", snippets()[number]], folder)
    assert done.returncode == 0 and done.stdout, done.stderr


def test_links_of_the_readme_exist() -> None:
    """Files that it points to."""
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target


def test_continuous_integration_runs_the_commands_of_the_readme() -> None:
    """Both are found below the lines that `.ci/run` looks for."""
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    wanted = re.findall(r'run_readme_command "(.*)"', script)
    assert len(wanted) == 2
    parts = (("test", "pytest"), ("cc", "simvirt compare"))
    for line, (extra, last) in zip(wanted, parts, strict=True):
        command = README.split(f"\n{line}")[1].split("\n    ")[1].splitlines()[0]
        assert f"pip install -e '.[{extra}]'" in command and command.endswith(last)
