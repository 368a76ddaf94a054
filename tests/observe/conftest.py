"""One run in each placement, observed in every way at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pytest

from simvirt.events import TRAPS, Event, Records, decode, mask_of
from simvirt.observe.files import JsonLines
from simvirt.observe.npz import NpzFile
from simvirt.observe.perfetto import TraceFile
from simvirt.virt.accounting import Account, Accountant, ExitCost
from simvirt.virt.guests import open_guest
from simvirt.virt.stacks import PLACEMENTS, Stack, make_stack
from tests.observe.wire import Track, read_trace

STEPS = 5_000_000
KINDS = (*TRAPS, "MMIO")


@dataclass
class Observed:
    """What was written, and what the machine and its accounting say."""

    stack: Stack
    folder: Path
    t: int
    raw: list[Records]
    exits: dict[int, dict[str, ExitCost]]
    account: Account

    @cached_property
    def events(self) -> list[Event]:
        return [event for records in self.raw for event in decode(records)]

    @cached_property
    def tracks(self) -> dict[str, Track]:
        return read_trace(self.folder / "run.pftrace")

    def vm(self, number: int, name: str) -> Track:
        """A track of a VM."""
        guest = self.stack.guests[number].name
        return self.tracks[f"VM {number} ({guest})/{name}"]

    @cached_property
    def columns(self) -> dict[str, np.ndarray]:
        with np.load(self.folder / "run.npz") as archive:
            return {name: archive[name] for name in archive.files}


def observe(placement: str, guests: list[str], folder: Path) -> Observed:
    """Run some steps of a stack."""
    stack = make_stack(placement, [open_guest(name) for name in guests])
    raw: list[Records] = []
    stack.machine.select_events(mask_of(KINDS))
    accountant = Accountant.attach(stack)
    writers = [NpzFile(folder / "run.npz"), JsonLines(folder / "run.jsonl")]
    stack.machine.listeners += [raw.append, *writers]
    trace = TraceFile.attach(stack, folder / "run.pftrace")
    t = stack.machine.run(STEPS).t
    for writer in (*writers, trace):
        writer.close()
    return Observed(stack, folder, t, raw, accountant.exits(), accountant.account())


@pytest.fixture(scope="session", params=PLACEMENTS)
def observed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Observed]:
    """A placement with one guest, cut off in the middle of its work."""
    yield observe(request.param, ["minos"], tmp_path_factory.mktemp(f"observed-{request.param}"))


@pytest.fixture(scope="session")
def two(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    """Two VMs on the host, whose processes take turns."""
    return observe("hosted", ["minos", "uno"], tmp_path_factory.mktemp("observed-two"))
