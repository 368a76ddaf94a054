"""Whole runs of guests in placements, made once and shared by the tests of the laws."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from isa import marks, paging
from isa.asm import assemble
from isa.elf import elf_bytes
from simvirt.board import RAM
from simvirt.events import Event, decode, mask_of
from simvirt.loader import load_elf
from simvirt.machine import Stop
from simvirt.virt.guests import open_guest
from simvirt.virt.postmortem import Outcome, Witness
from simvirt.virt.stacks import Guest, Options, Stack, make_stack
from simvirt.virt.views import Inspector

PLACEMENTS = ("bare", "hypervisor", "hosted")
VIRTUAL = PLACEMENTS[1:]
BUDGET = 1_000_000_000
LOOKS = 20_000_000  # steps between two looks at the shadow tables
_ENTER = marks.MARK_NUMBERS["ENTER"]


@dataclass(frozen=True)
class Run:
    """What a run left behind; one element a VM where there are several."""

    stop: Stop
    outcomes: tuple[Outcome, ...]
    consoles: tuple[bytes, ...]
    results: tuple[bytes, ...]  # the regions that the guests declare as their results
    violations: int
    foreign: tuple[str, ...]  # leaves of shadow tables that show a VM what is not its own
    looked: int  # how many leaves were looked at


def program(source: str, name: str = "guest") -> Guest:
    """A guest from assembly text."""
    return Guest(name, load_elf(elf_bytes(assemble(source, name=name))))


def guest_ram(stack: Stack, vm: int = 0) -> bytes:
    """All of a guest's RAM."""
    return stack.machine.state.read_ram(*stack.regions[vm])


def result(stack: Stack, vm: int = 0) -> bytes:
    """The region between the guest's symbols result_begin and result_end."""
    image = stack.guests[vm].image
    first, end = image.address_of("result_begin"), image.address_of("result_end")
    return stack.machine.state.read_ram(stack.regions[vm][0] + first - RAM, end - first)


def foreign_leaves(stack: Stack) -> tuple[int, list[str]]:
    """Walk every real root of every VM: how many U leaves, and those that lead elsewhere."""
    inspector = Inspector(stack)
    count, wrong = 0, []
    for vm, (base, size) in enumerate(stack.regions):
        for table in filter(None, inspector.real_roots(vm)):
            for va, pte, level in inspector.leaves(table):
                first = paging.pte_target(pte)
                inside = base <= first and first + (4096 << 9 * level) <= base + size
                if pte & paging.PTE_U:
                    count += 1
                    if not inside:
                        wrong.append(f"VM {vm}: GVA {va:#x} -> HPA {first:#x}")
    return count, wrong


@cache
def run(placement: str, names: tuple[str, ...]) -> Run:
    """Guests of the manifest, to the end; shadow tables are looked at on the way."""
    stack = make_stack(placement, [open_guest(name) for name in names])
    stack.machine.select_events(mask_of(["VIOLATION"]))
    witness = Witness(stack)
    looked, foreign = 0, []
    stop = stack.machine.run(LOOKS)
    while stop.reason == "budget" and stop.t < BUDGET:
        if placement != "bare":
            count, wrong = foreign_leaves(stack)
            looked += count
            foreign += wrong
        stop = stack.machine.run(LOOKS)
    vms = range(len(names))
    return Run(
        stop,
        tuple(witness.outcomes(stop)),
        tuple(stack.consoles),
        tuple(result(stack, vm) for vm in vms),
        stack.machine.state.mach("violations"),
        tuple(foreign),
        looked,
    )


ALL = (
    *((placement, (name,)) for placement in PLACEMENTS for name in ("minos", "uno")),
    *((placement, ("minos", name)) for placement in VIRTUAL for name in ("minos", "uno")),
)


@cache
def all_runs() -> dict[tuple[str, tuple[str, ...]], Run]:
    """Every run that laws 5 and 6 look at, two at a time."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(ALL, pool.map(lambda key: run(*key), ALL), strict=True))


def mistaken_owners(events: Sequence[Event]) -> Iterator[Event]:
    """Frames of one VM executed while the VMM says that another one runs."""
    running = None
    for event in events:
        if event.kind == "MARK" and event.a == _ENTER and event.owner == 0:
            running = event.b >> 16
        elif event.kind == "OWNER" and event.b and event.b - 1 != running:
            yield event


def mutated(
    folder: Path,
    placement: str,
    changes: dict[tuple[str, str], str],
    guests: Sequence[Guest] = (),
) -> Stack:
    """A stack (of two minos) with lines of its layer changed: {(file, old): new}."""
    source = Path(__file__).parents[2] / "guests"
    for (name, old), new in changes.items():
        target = folder / name
        text = (target if target.exists() else source / name).read_text()
        assert text.count(old) == 1, f"{name}: {old!r} is there {text.count(old)} times"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text.replace(old, new))
    chosen = list(guests) or [open_guest("minos")] * 2
    return make_stack(placement, chosen, Options(guests_dir=folder))


class Recorder:
    """Keeps the events of some kinds."""

    def __init__(self, stack: Stack, kinds: Sequence[str]) -> None:
        self.events: list[Event] = []
        stack.machine.select_events(mask_of(kinds))
        stack.machine.listeners.append(lambda records: self.events.extend(decode(records)))
