"""`simvirt run --save` and `--restore`, `simvirt snapshot`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simvirt.cli.keeping import Keeper
from simvirt.history.file import load
from simvirt.simulation import Simulation
from simvirt.virt.guests import open_guest
from simvirt.virt.postmortem import Witness
from simvirt.virt.stacks import make_stack
from simvirt.virt.twin import twin
from tests.cli.conftest import Cli

SAME = ("t", "state_sha256", "consoles", "layer_console", "guests", "violations", "reason")


@pytest.mark.parametrize("placement", ["bare", "hypervisor", "hosted"])
def test_the_rest_of_a_run(placement: str, cli: Cli) -> None:
    """A run with a stop in a file ends as one without."""
    whole = cli("run", "minos", "--on", placement, "-q", "--save", "s@10e6", "--json", "whole.json")
    rest = cli("run", "minos", "--on", placement, "-q", "--restore", "s", "--json", "rest.json")
    assert whole.code == rest.code == 0 and len(rest.out) < len(whole.out)
    assert whole.out.endswith(rest.out)
    one, other = (json.loads(Path(name).read_text()) for name in ("whole.json", "rest.json"))
    assert {key: one[key] for key in SAME} == {key: other[key] for key in SAME}


@pytest.mark.parametrize("history_first", [True, False])
def test_beside_a_history(history_first: bool, tmp_path: Path) -> None:
    """Saved once, when T comes first, whoever runs the machine; a twin saves nothing."""
    stack = make_stack("bare", [open_guest("minos")])
    simulation, straight = Simulation(stack), twin(stack).machine
    keeper = Keeper(f"{tmp_path / 's'}@3000000")
    if history_first:
        simulation.remember()
    keeper.attach(stack, Witness(stack))
    if not history_first:
        simulation.remember()
    other = twin(stack).machine
    assert other.run(4_000_000).reason == "budget" and not keeper.saved
    simulation.run(max_steps=2_999_999)
    assert not keeper.saved and simulation.travel.history.latest == 2_999_999
    simulation.travel.history.run(1_000_001)
    assert keeper.saved and simulation.machine.state.digest() == other.state.digest()
    keeper.path.rename(tmp_path / "first")
    simulation.goto(2_000_000)
    simulation.run(max_steps=2_000_000)
    assert not keeper.path.exists()
    straight.run(3_000_000)
    restored = Simulation.boot("minos")
    restored.restore(load(tmp_path / "first"))
    assert restored.machine.state.digest() == straight.state.digest()


def test_vms_that_had_ended(cli: Cli) -> None:
    """The one that ended before the snapshot still has passed."""
    assert cli("run", "uno", "minos", "--on", "hypervisor", "-q", "--save", "s@40e6").code == 0
    result = cli("run", "uno", "minos", "--on", "hypervisor", "-q", "--restore", "s", "--json", "j")
    report = json.loads(Path("j").read_text())
    assert result.code == 0, result.err
    assert [guest["ended"] for guest in report["guests"]] == ["passed", "passed"]


def test_with_an_input_script(cli: Cli) -> None:
    """The snapshot is taken in the middle of a wait; a script goes on from it."""
    Path("first").write_text('wait "workloads passed"\n')
    Path("then").write_text('wait "workloads passed"\nexpect "all"\n')
    assert cli("run", "minos", "--input-script", "first", "--save", "s@8e6").code == 0
    assert cli("run", "minos", "--input-script", "then", "--restore", "s").code == 0


def test_at_the_end_and_differences(cli: Cli) -> None:
    """Saved when the budget ends; two of them are compared."""
    assert cli("run", "minos", "-q", "--max-steps", "2e6", "--save", "a").code == 4
    assert (
        cli("run", "minos", "-q", "--max-steps", "1e6", "--restore", "a", "--save", "b").code == 4
    )
    shown = cli("snapshot", "a")
    assert shown.code == 0 and "minos on bare, 32M of RAM" in shown.out
    found = cli("snapshot", "a", "b", "--rows", "3")
    assert found.code == 0 and "from t=2000000 to t=3000000" in found.out
    assert found.out.count("RAM       0x8") == 3 and "more" in found.out
    assert "nothing differs" in cli("snapshot", "a", "a").out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("run", "hello", "--restore", "s"), "guests: it has minos"),
        (("run", "minos", "--mem", "64M", "--restore", "s"), "RAM: it has 32M, this one 64M"),
        (("run", "minos", "--restore", "none"), "no such snapshot"),
        (("run", "minos", "--restore", "s", "--save", "t@5"), "the run begins later"),
        (("run", "hello", "--save", "t@1e15"), "not written: the run ended before"),
        (("run", "hello", "--save", "t@1.5"), "--save FILE@T"),
        (("run", "hello", "--save", "none/t"), "there is no folder"),
        (("snapshot", "s", "s", "s"), "two to compare"),
        (("snapshot", "text"), "not a snapshot"),
        (("snapshot", "s", "--rows", "many"), "--rows many"),
    ],
)
def test_what_cannot_be(arguments: tuple[str, ...], words: str, cli: Cli) -> None:
    """Exit code 2 and a message."""
    assert cli("run", "minos", "-q", "--max-steps", "1e5", "--save", "s").code == 4
    Path("text").write_text("Dear machine,")
    result = cli(*arguments)
    assert result.code == 2 and words in result.err
