"""The pytest plugin, as an instructor uses it."""

import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from tests.grade.conftest import GUEST

TEST = """
import pytest
from simvirt.stops import OnExit

def test_words(boot, golden):
    trial = boot("write.S", inputs={"operands": [7]})
    trial.run()
    trial.expect_passed()
    trial.expect_words("result", [7])
    trial.expect_csr("mscratch", 7)
    trial.expect_translation(0x8000_0000, 0x8000_0000)
    golden(trial)

@pytest.mark.simvirt("uno", on="hypervisor")
def test_simulation(simulation):
    assert simulation.run(OnExit("csr"), max_steps=10_000_000).reason == "stop"
"""


def _pytest(folder: Path, *options: str) -> str:
    installed = {p.value for p in metadata.entry_points(group="pytest11")}
    plugin = "simvirt.grade.pytest_plugin"
    load = [] if plugin in installed else ["-p", plugin]
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *load, *options]
    done = subprocess.run([*command, str(folder)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_fixtures_judge_a_submission(submit: Callable[..., Path], tmp_path: Path) -> None:
    folder = tmp_path / "course"
    folder.mkdir()
    (folder / "write.S").write_text(GUEST)
    (folder / "test_course.py").write_text(TEST)
    assert "2 passed" in _pytest(folder)
    assert "2 passed" in _pytest(folder, "--simvirt-on", "hosted")
    wrong = submit("wrong", ("v->x[i.rd] = old;", "v->x[i.rd] = old + 1;"))
    told = _pytest(folder, "--simvirt-guests", str(wrong), "-k", "words")
    assert "1 failed" in told
    assert "word 0 is 0x8; expected 0x7" in told
