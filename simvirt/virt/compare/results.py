"""All runs of a comparison, made in parallel, and what must hold for them to be comparable."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Lock
from typing import Protocol

from simvirt.board import CostModel
from simvirt.core import engine
from simvirt.errors import SimVirtError
from simvirt.toolchain import Changes
from simvirt.virt.compare import runs
from simvirt.virt.compare.facts import BARE, HOSTED, HYPERVISOR
from simvirt.virt.compare.runs import Run, Setup
from simvirt.virt.guests import open_guest
from simvirt.virt.stacks import GUEST_RAM, PLACEMENTS, Guest, Options

Progress = Callable[[str], None]
VIRTUAL = (HYPERVISOR, HOSTED)
BESIDE_WORKLOADS = 3  # how many workloads a VM runs beside a neighbour


@dataclass(frozen=True)
class ComparisonOptions:
    """What to compare: the guest, programs that replace ours, RAM of each VM, cost model."""

    guest: str = "minos"
    second: str = "uno"  # the guest that is started again while the first one runs
    guests_dir: Path | None = None
    mem: int = GUEST_RAM
    costs: CostModel = field(default_factory=CostModel)
    workers: int = 0  # 0: as many as there are processors, at most 4
    faults: bool = True

    @property
    def stack(self) -> Options:
        """The same for a stack."""
        return Options(mem=self.mem, costs=self.costs, guests_dir=self.guests_dir)


class Fault(Protocol):
    """What became of the VMs after one fault from outside (``simvirt.virt.faults``)."""

    @property
    def placement(self) -> str:
        """Where the VMs ran."""

    @property
    def target(self) -> str:
        """What was hit."""

    @property
    def where(self) -> str:
        """Which word was changed, and when."""

    @property
    def survived(self) -> Sequence[bool]:
        """For each VM: did it finish its workloads with the right result?"""

    @property
    def violations(self) -> int:
        """How often isolation was broken (law 6)."""

    @property
    def happened(self) -> Sequence[str]:
        """What happened, in words."""


@dataclass(frozen=True)
class Results:
    """Every run, by placement."""

    guest: Guest
    costs: CostModel
    alone: dict[str, Run]
    beside_vm: dict[str, Run]
    beside_process: Run
    managed: dict[str, Run]
    faults: tuple[Fault, ...]

    @property
    def changes(self) -> dict[str, Changes]:
        """Program: the user's files in it."""
        found: dict[str, Changes] = {}
        for run in (*self.alone.values(), *self.managed.values()):
            found |= run.changes
        return found


def gather(options: ComparisonOptions, progress: Progress) -> Results:
    """Build and run everything.  Raises SimVirtError when the runs cannot be compared."""
    progress("building the guest software")
    guest = open_guest(options.guest, options.guests_dir)
    second = open_guest(options.second, options.guests_dir)
    for placement in PLACEMENTS:  # so that no two threads compile the same thing
        runs.Session(placement, [guest], Setup(options.stack))
    engine.kernel("fast", progress)
    results = _run_all(guest, second, options, progress)
    if options.faults:
        progress("injecting faults")
        results = replace(results, faults=_faults(options, progress))
    check(results)
    return results


def _run_all(
    guest: Guest, second: Guest, options: ComparisonOptions, progress: Progress
) -> Results:
    workers = options.workers or max(2, min(4, os.cpu_count() or 2))
    setup = Setup(options.stack)
    pool = ThreadPoolExecutor(workers)
    try:
        return _submit(_Jobs(pool, progress), guest, second, setup)
    finally:  # after Ctrl-C, or when one run failed, the others need not go on
        setup.cancelled.set()
        pool.shutdown(wait=False, cancel_futures=True)


class _Jobs:
    """Runs in a pool of threads (kernels release the GIL); says how far it has come."""

    def __init__(self, pool: ThreadPoolExecutor, progress: Progress) -> None:
        self._pool = pool
        self._progress = progress
        self._lock = Lock()
        self._started = self._done = 0

    def start(self, what: str, run: Callable[[], Run]) -> Future[Run]:
        """Queue a run; the longest ones should come first."""
        self._started += 1

        def job() -> Run:
            result = run()
            with self._lock:
                self._done += 1
                self._progress(f"run {self._done} of {self._started} done: {what}")
            return result

        return self._pool.submit(job)


def _submit(jobs: _Jobs, guest: Guest, second: Guest, setup: Setup) -> Results:
    some = min(BESIDE_WORKLOADS, max(1, len(guest.workloads)))

    def of(placements: tuple[str, ...], what: str, run: Callable[[str], Run]) -> _Futures:
        return {
            p: jobs.start(f"{p}, {what}", lambda p=p: run(p))  # type: ignore[misc]
            for p in placements
        }

    managed = of(tuple(reversed(VIRTUAL)), "a VM started again beside another",
                 lambda p: runs.managed(p, guest, second, setup))  # fmt: skip
    alone = of((HOSTED, HYPERVISOR, BARE), "alone", lambda p: runs.alone(p, guest, setup))
    beside = of(VIRTUAL, "beside a second VM", lambda p: runs.beside_vm(p, guest, setup, some))
    process = jobs.start("hosted, beside a process",
                         lambda: runs.beside_process(guest, setup, some))  # fmt: skip
    return Results(
        guest,
        setup.options.costs,
        alone={p: alone[p].result() for p in PLACEMENTS},
        beside_vm={p: beside[p].result() for p in VIRTUAL},
        beside_process=process.result(),
        managed={p: managed[p].result() for p in VIRTUAL},
        faults=(),
    )


_Futures = dict[str, "Future[Run]"]


def _faults(options: ComparisonOptions, progress: Progress) -> tuple[Fault, ...]:
    from simvirt.virt.faults import experiments

    return tuple(experiments(progress, options.guest, options.stack))


def check(results: Results) -> None:
    """The comparison's ground: one core, one guest, the same outcome.  SimVirtError if not."""
    hashes = {p: results.alone[p].objects for p in VIRTUAL}
    if hashes[HYPERVISOR] != hashes[HOSTED]:
        raise SimVirtError(
            f"the VMM core or devices differ between the placements: {hashes}; "
            "they must be one object linked twice: see guests.toml"
        )
    bare = results.alone[BARE]
    for placement in VIRTUAL:
        run = results.alone[placement]
        for what, found, wanted in (
            ("console", run.consoles[0], bare.consoles[0]),
            ("result region", run.result, bare.result),
        ):
            if found != wanted:
                raise SimVirtError(
                    f"{placement}: the {what} of {results.guest.name} differs from the bare "
                    f"machine's at byte {_difference(found, wanted)}; the VMM is not equivalent: "
                    f"compare `simvirt run` with --on {placement} and --on bare"
                )


def _difference(a: bytes, b: bytes) -> int:
    pairs = enumerate(zip(a, b, strict=False))
    return next((i for i, (x, y) in pairs if x != y), min(len(a), len(b)))
