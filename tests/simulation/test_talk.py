"""Conversations with consoles from Python."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvirt.simulation import Simulation
from simvirt.talk import TextMissing
from tests.cli.conftest import ECHO

PAIRS = 'int puts(const char *);\nint main(void) { puts("one two one"); puts("two"); return 0; }\n'


@pytest.fixture
def echo(tmp_path: Path) -> str:
    path = tmp_path / "echo.c"
    path.write_text(ECHO)
    return str(path)


@pytest.mark.parametrize("placement", ["bare", "hypervisor"])
def test_a_conversation(echo: str, placement: str) -> None:
    sim = Simulation.boot(echo, on=placement)
    vm = None if placement == "bare" else 0
    assert sim.wait_for("ready\n", vm=vm).endswith(b"ready\n")
    sim.type("hi", vm=vm)
    assert sim.wait_for(b"<105>", vm=vm) == b"<104><105>"
    sim.expect("<104>", vm=vm)
    with pytest.raises(TextMissing, match="'ready' is not in what came: '<104><105>'"):
        sim.expect("ready", vm=vm)
    sim.type("q", vm=vm)
    assert sim.run().reason == "finished"


def test_it_stops_behind_the_last_byte_and_goes_on_from_there(tmp_path: Path) -> None:
    path = tmp_path / "pairs.c"
    path.write_text(PAIRS)
    sim = Simulation.boot(str(path))
    assert sim.wait_for("two") == b"one two"
    assert sim.console() == b"one two"
    assert sim.wait_for("two") == b" one\ntwo"
    with pytest.raises(TextMissing, match="'two' never came: the guest ended") as missing:
        sim.wait_for("two")
    assert missing.value.stop is not None and missing.value.stop.reason == "finished"
    assert missing.value.seen == b"\n"


def test_what_has_been_heard_is_not_heard_again(tmp_path: Path) -> None:
    path = tmp_path / "pairs.c"
    path.write_text(PAIRS)
    sim = Simulation.boot(str(path))
    sim.wait_for("two one")
    with pytest.raises(TextMissing, match="never came"):
        sim.wait_for("one\ntwo")


def test_a_conversation_is_the_same_run_as_one_without_stops(echo: str) -> None:
    talked, plain = Simulation.boot(echo), Simulation.boot(echo)
    talked.wait_for("ready\n")
    t = talked.t
    plain.step(t)
    assert plain.machine.state.digest() == talked.machine.state.digest()


def test_the_budget_of_a_wait(echo: str) -> None:
    sim = Simulation.boot(echo)
    with pytest.raises(TextMissing, match="the budget of steps is used up, at t=10") as missing:
        sim.wait_for("ready", max_steps=10)
    assert missing.value.exit_code == 4
    sim.wait_for("ready")
