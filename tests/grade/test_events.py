"""Golden sequences: the same whatever the pieces they come in, and exits as the accountant has."""

from pathlib import Path

import numpy as np
import pytest

from isa import marks
from simvirt.events import KIND, Records
from simvirt.grade.checks import Bench
from simvirt.grade.golden import EventSequence, first_divergence
from simvirt.virt.accounting import Accountant

REASONS = [reason.name for reason in marks.EXIT_REASONS]


@pytest.fixture(scope="module")
def minos() -> tuple[list[Records], EventSequence, Accountant]:
    """A run with thousands of exits, interrupts among them."""
    trial = Bench(Path(), None, steps=20_000_000).boot("minos")
    accountant = Accountant(trial.simulation.machine)
    pieces: list[Records] = []
    trial.simulation.machine.listeners += [accountant, pieces.append]
    trial.run()
    return pieces, trial.events, accountant


def test_exits_are_those_of_the_accountant(
    minos: tuple[list[Records], EventSequence, Accountant],
) -> None:
    _, events, accountant = minos
    exits = accountant.exits()[0]
    counted = {name: events.exits(name) for name in REASONS if events.exits(name)}
    told = {name: cost.count for name, cost in exits.items() if name in REASONS}
    assert counted["interrupt"] > 10
    assert sum(counted.values()) - sum(told.values()) in (0, 1)  # the one that is being handled
    assert sum(counted[name] != told.get(name) for name in counted) <= 1


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_pieces_do_not_matter(
    size: int, minos: tuple[list[Records], EventSequence, Accountant]
) -> None:
    whole = np.concatenate(minos[0])[:20_000]
    one, many = EventSequence(), EventSequence()
    one(whole)
    for start in range(0, len(whole), size):
        many(whole[start : start + size])
    assert len(one) > 1000
    assert np.array_equal(one.keys(), many.keys())
    assert first_divergence(one, many) is None


def test_an_interrupt_may_come_anywhere(
    minos: tuple[list[Records], EventSequence, Accountant],
) -> None:
    """The exit for one and the entry behind it belong to no sequence."""
    whole = np.concatenate(minos[0])[:5000]
    kinds = whole[:, 0] & np.uint64(0xFF)
    exit_, enter = (next(m.number for m in marks.MARKS if m.name == n) for n in ("EXIT", "ENTER"))
    reason = marks.EXIT_REASON_NUMBERS["interrupt"]
    place = int(np.flatnonzero((kinds == KIND["MARK"]) & (whole[:, 4] == enter))[10]) + 1
    pair = np.zeros((2, 8), np.uint64)
    pair[:, 0], pair[:, 4], pair[:, 5] = KIND["MARK"], (exit_, enter), (reason, 0)
    one, other = EventSequence(), EventSequence()
    one(whole)
    other(np.concatenate((whole[:place], pair, whole[place:])))
    assert np.array_equal(one.keys(), other.keys())
    assert other.exits("interrupt") == one.exits("interrupt") + 1


def test_a_missing_event_is_told(minos: tuple[list[Records], EventSequence, Accountant]) -> None:
    one, other = EventSequence(), EventSequence()
    one(minos[1].records[:100])
    other(minos[1].records[:60])
    found = first_divergence(one, other)
    assert found is not None
    assert (found.index, found.found) == (60, None)
    assert "no more events" in found.text()
