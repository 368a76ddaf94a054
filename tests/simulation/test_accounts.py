"""What a simulation says of costs is what the accountant and the comparison say."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from simvirt import OnExit, OnMark, Simulation
from simvirt.errors import InputError
from simvirt.history.file import load, save
from simvirt.virt.accounting import Accountant
from simvirt.virt.compare import Results, claims, runs
from simvirt.virt.guests import open_guest
from simvirt.virt.stacks import PLACEMENTS, Options

VIRTUAL = ("hypervisor", "hosted")


@pytest.fixture(scope="module")
def finished() -> dict[str, Simulation]:
    """uno in every placement, at its end."""
    sims = {}
    for placement in PLACEMENTS:
        sims[placement] = sim = Simulation.boot("uno", on=placement)
        sim.keep_account()
        assert sim.run().reason == "finished"
    return sims


def test_an_account_is_the_accountant_s(finished: dict[str, Simulation]) -> None:
    for placement, sim in finished.items():
        other = Simulation.boot("uno", on=placement)
        accountant = Accountant.attach(other.stack)
        other.run()
        account = sim.account()
        assert account == accountant.account() and account.sum() == account.total
        assert sim.workloads() == accountant.workloads()[0] and sim.workloads()
        assert sim.workloads(7) == {}


def test_a_row_of_the_comparison(finished: dict[str, Simulation]) -> None:
    """The figures and the verdict of the row that `simvirt compare` prints, to the last digit."""
    setup = runs.Setup(Options())
    alone = {p: runs.alone(p, open_guest("uno"), setup) for p in PLACEMENTS}
    wanted = claims._performance(_only(alone))
    slowdowns = {p: sim.slowdowns(finished["bare"]) for p, sim in finished.items()}
    found = Simulation.judge(slowdowns, smaller="hypervisor", larger="hosted")
    by_name = {measure.name: dict(measure.values) for measure in wanted.measures}
    assert found.measures
    for measure in found.measures:
        assert dict(measure.values) == by_name[f"{measure.name}, cycles"]
    assert found.verdict == wanted.verdict
    assert len(found.rule.expectations) == len(wanted.rule.expectations)
    assert found.rule.margin == wanted.rule.margin


def _only(alone: dict[str, runs.Run]) -> Results:
    missing: Any = None  # the row needs nothing but the runs of the guest alone
    return Results(missing, missing, alone, missing, missing, missing, ())


@pytest.mark.parametrize(
    ("hypervisor", "verdict"),
    [
        ({"a": 1.0, "b": 1.0}, "supported"),
        ({"a": 1.0, "b": 1.99}, "depends"),
        ({"a": 3.0, "b": 1.99}, "not supported"),
    ],
)
def test_verdicts(hypervisor: dict[str, float], verdict: str) -> None:
    figures = {"bare": {"a": 1.0}, "hypervisor": hypervisor, "hosted": {"a": 2.0, "b": 2.0}}
    found = Simulation.judge(figures, smaller="hypervisor", larger="hosted", unit="x")
    assert found.verdict == verdict
    assert str(found).endswith(f"verdict: {verdict}")
    assert found.rule.text in " ".join(str(found).split())
    assert str(found).splitlines()[2].split() == ["b", "-", f"{hypervisor['b']:.2f}", "2.00"]


def test_nothing_to_judge() -> None:
    for figures in ({}, {"a": {"x": 1.0}}, {"a": {"x": 1.0}, "b": {"y": 1.0}}):
        with pytest.raises(InputError, match="a and b must have the same figures"):
            Simulation.judge(cast(dict[str, dict[str, float]], figures), smaller="a", larger="b")


def test_an_account_begins_with_the_machine() -> None:
    sim = Simulation.boot("uno")
    for ask in (sim.account, sim.workloads, lambda: sim.slowdowns(sim)):
        with pytest.raises(InputError, match="call keep_account"):
            ask()
    sim.step()
    with pytest.raises(InputError, match=r"has run \(t=1\).*right after boot"):
        sim.keep_account()


@pytest.mark.parametrize("placement", VIRTUAL)
def test_recording_takes_nothing_from_an_account(placement: str) -> None:
    """Whatever is recorded, and whenever: the account goes on, and is kept once only."""
    plain, busy = (Simulation.boot("uno", on=placement) for _ in range(2))
    plain.keep_account()
    plain.step(2_000_000)
    busy.record()
    busy.keep_account()
    busy.keep_account()
    busy.step(500_000)
    busy.record(("TRAP",))
    busy.run(OnExit("csr"))
    busy.record(())
    busy.step(2_000_000 - busy.t)
    assert busy.account() == plain.account()
    assert busy.account().vms[0].exit_count > 0


def test_an_account_goes_back_in_time() -> None:
    sim = Simulation.boot("uno", on="hypervisor")
    sim.remember()
    sim.keep_account()
    sim.run(OnMark("BEGIN"))
    t, account = sim.t, sim.account()
    sim.step(300_000)
    assert sim.account() != account
    sim.goto(t)
    assert sim.account() == account
    sim.goto(0)
    assert sim.account().total.instructions == 0


def test_an_account_and_snapshots(tmp_path: Path) -> None:
    """Our own snapshot holds it; one from a file says nothing of what led to it."""
    sim = Simulation.boot("uno", on="hypervisor")
    sim.keep_account()
    sim.step(800_000)
    here, account = sim.snapshot(), sim.account()
    save(here, tmp_path / "here")
    sim.step(100_000)
    sim.restore(here)
    assert sim.account() == account
    sim.restore(load(tmp_path / "here"))
    with pytest.raises(InputError, match="no account is kept"):
        sim.account()
    sim.step(1000)
