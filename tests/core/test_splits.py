"""Law 4 for splits, and what must never change execution, on whole stacks.

Each run is compared by the hash of all architectural state and of every event record.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

import pytest

from simvirt.core import layout
from simvirt.core.regions.table import NEVER, Policy, default_policy
from simvirt.events import ACCOUNTING, EVERYTHING, TRAPS, Records, mask_of
from simvirt.virt.guests import open_guest
from simvirt.virt.stacks import Options, make_stack

STEPS = {"bare": 13_490_000, "hypervisor": 63_000_000, "hosted": 115_000_000}  # nearly whole runs
FEW = mask_of((*TRAPS, "MMIO"))


@dataclass(frozen=True)
class Outcome:
    """Where a run came to: t, state, consoles, and the hash and number of its events."""

    t: int
    state: str
    consoles: tuple[bytes, ...]
    events: str
    count: int


def run(
    placement: str,
    pieces: Sequence[int],
    variant: str = "fast",
    mask: int = FEW,
    records: int = 1 << 16,
    policy: Policy | None = None,
) -> Outcome:
    """minos on a placement, in pieces of so many steps."""
    stack = make_stack(placement, [open_guest("minos")], Options(event_records=records))
    machine = stack.machine
    machine.variant = variant
    machine.state.regions.policy = policy or default_policy()
    machine.select_events(mask)
    digest, counts = hashlib.sha256(), [0]

    def listen(some: Records) -> None:
        digest.update(some.tobytes())
        counts[0] += len(some)

    machine.listeners.append(listen)
    for steps in pieces:
        machine.run(steps)
    state = machine.state
    consoles = tuple(bytes(uart.output) for uart in machine.consoles)
    return Outcome(state.mach("t"), state.digest(), consoles, digest.hexdigest(), counts[0])


def pieces(total: int, count: int, seed: int) -> list[int]:
    """`total` in `count` random parts, some of them very small."""
    rng = Random(seed)
    cuts = sorted(rng.randrange(total) for _ in range(count // 2))
    cuts += [cut + rng.randrange(1, 4) for cut in cuts if cut < total - 4]
    edges = [0, *sorted(set(cuts)), total]
    return [b - a for a, b in pairwise(edges)]


@pytest.mark.parametrize("placement", STEPS)
def test_run_in_pieces_equals_run(placement: str) -> None:
    """run(n + m) is run(n); run(m): state, consoles, events."""
    total = STEPS[placement]
    whole = run(placement, [total])
    assert whole.count > 100
    for seed in (1, 2):
        assert run(placement, pieces(total, 400, seed)) == whole


@pytest.mark.parametrize("placement", STEPS)
def test_traced_equals_fast(placement: str) -> None:
    """The variants share their events, and the traced one may be split, too."""
    total = STEPS[placement]
    fast = run(placement, [total])
    assert run(placement, pieces(total, 100, 3), "traced") == fast


def test_full_trace_in_pieces() -> None:
    """A record per instruction and access, the same in any pieces."""
    everything = mask_of(EVERYTHING)
    whole = run("bare", [300_000], "traced", everything)
    assert whole.count > 300_000
    assert run("bare", pieces(300_000, 100, 4), "traced", everything) == whole


def test_two_runs_are_identical() -> None:
    """From the beginning, in the same process."""
    assert run("hypervisor", [3_000_000]) == run("hypervisor", [3_000_000])


@pytest.mark.parametrize("mask", [0, mask_of(ACCOUNTING), mask_of(EVERYTHING)])
@pytest.mark.parametrize("variant", ["fast", "traced"])
def test_selecting_events_changes_nothing(variant: str, mask: int) -> None:
    """State and consoles do not depend on what is recorded."""
    seen, other = run("hypervisor", [1_000_000], variant, mask), run("hypervisor", [1_000_000])
    assert (seen.t, seen.state, seen.consoles) == (other.t, other.state, other.consoles)


@pytest.mark.parametrize("records", [layout.EVENT_MARGIN + 1, 64, 1000])
def test_a_full_ring_loses_nothing(records: int) -> None:
    """The smallest ring gives the same sequence as a large one."""
    mask = mask_of(EVERYTHING)
    large = run("bare", [100_000], "traced", mask)
    assert run("bare", [100_000], "traced", mask, records) == large


@pytest.mark.parametrize("placement", STEPS)
def test_regions_change_nothing(placement: str) -> None:
    """Everything interpreted, and hot code compiled as early as can be (law 2)."""
    eager = Policy(sample_steps=509, hot=8, chunk=4096, background=False)
    total = STEPS[placement]
    assert run(placement, [total], policy=NEVER) == run(placement, [total], policy=eager)
