"""Why a trap was taken, in a sentence: from its event, the walks of the address, and CSRs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from isa import causes
from isa.causes import PRIV_NAMES
from isa.csrs import BY_NUMBER, counter_enabled, csr_permitted
from isa.decode import decode
from isa.marks import EXIT_REASONS
from isa.paging import PTE_A, pte_touched
from simvirt.events import Event
from simvirt.virt.layers import Where
from simvirt.walk import ACCESS as ACCESSES
from simvirt.walk import Translation

_DOC = {reason.name: reason.doc for reason in EXIT_REASONS}
ACCESS = {1: "fetch", 5: "load", 7: "store", 12: "fetch", 13: "load", 15: "store"}
_PAGE_FAULTS = (12, 13, 15)
_PRIV = {name: number for number, name in PRIV_NAMES.items()}
_LOWEST = {"mret": "M", "sret": "S", "sfence.vma": "S", "wfi": "S"}  # modes that may execute them
_BARRED = {"wfi": ("TW", 21), "sret": ("TSR", 22), "sfence.vma": ("TVM", 20)}  # by mstatus, in S
Window = tuple[int, int]
Walks = tuple[Translation | None, Translation | None]


@dataclass(frozen=True)
class Seen:
    """What was there when it trapped.

    `walks`: by the tables in use, and by the guest's own; `csr`: of the hart or vCPU that executed;
    `ram`, `devices`: [first, end) of physical addresses where RAM or a device answers.
    """

    instruction: str
    word: int | None
    walks: Walks
    csr: Mapping[str, int]
    ram: Window
    devices: Sequence[Window]


def why(placement: str, event: Event, where: Where, reason: str, seen: Seen) -> str:
    """The sentence."""
    if event.a & causes.INTERRUPT:
        return _interrupt(event, where, placement)
    if placement == "bare" or not where.in_guest:
        return _own(event, where, seen)
    if event.a in _PAGE_FAULTS:
        return _guest_page_fault(event, reason, seen)
    if event.a == causes.CAUSE["ILLEGAL_INSN"]:
        return _guest_illegal(where, reason, seen)
    if event.a == causes.CAUSE["ECALL_U"]:
        return f"ecall traps in every mode; the guest makes it in virtual {where.virtual_mode}, " \
               "so its own kernel shall see it"  # fmt: skip
    if event.a == causes.CAUSE["BREAKPOINT"]:
        return "ebreak traps in every mode: the guest's own kernel shall see it"
    return f"{_DOC.get(reason, causes.describe(event.a))}"


def _interrupt(event: Event, where: Where, placement: str) -> str:
    words = causes.describe(event.a)
    if placement == "bare" or not where.in_guest:
        return f"{words}: pending in mip and enabled in mie while {event.mode_from}-mode ran"
    return f"{words} of the real machine: the layer below is asked, whatever the guest masks"


def _own(event: Event, where: Where, seen: Seen) -> str:
    walk = seen.walks[0]
    if event.a in (8, 9, 11):
        return f"ecall asks the next layer for a service (a7 tells which): the {where.layer} called"
    if event.a in _PAGE_FAULTS and walk is not None:
        return f"{causes.describe(event.a)} at {event.b:#x}: {_refused(event, walk)}"
    if event.a == causes.CAUSE["ILLEGAL_INSN"]:
        return _illegal(event.mode_from, seen)
    if event.a == causes.CAUSE["BREAKPOINT"]:
        return _breakpoint(event, seen)
    if event.a in (1, 5, 7):
        return f"{causes.describe(event.a)} at {event.b:#x}: {_access(event, seen)}"
    return f"{causes.describe(event.a)} at {event.b:#x}"


def _refused(event: Event, walk: Translation) -> str:
    """What a page fault finds in the table: it does not map the page, or A or D is missing."""
    if walk.pa is not None and walk.steps:
        leaf = walk.steps[-1].pte
        missing = pte_touched(leaf, ACCESSES[ACCESS[event.a]]) & ~leaf
        if missing:
            bit = "A" if missing & PTE_A else "D"
            return f"{bit} is 0 in the leaf, and on this board software sets it (Svade)"
    return walk.fault or "the TLB still holds an older entry"


def _breakpoint(event: Event, seen: Seen) -> str:
    found = None if seen.word is None else decode(seen.word)
    if found is not None and found.insn.name in ("ebreak", "c.ebreak"):
        return "ebreak traps in every mode"
    return f"a trigger is set on {event.b:#x}: breakpoint in front of the access (tdata1, tdata2)"


def _access(event: Event, seen: Seen) -> str:
    """An access fault: nothing is there, or it is not allowed."""
    walk = seen.walks[0]
    if walk is None or walk.pa is None:
        return "the walk of the page table leaves RAM" if walk is None else walk.fault
    pa, access = walk.pa, ACCESS[event.a]
    if seen.ram[0] <= pa < seen.ram[1]:
        return f"PMP does not allow {event.mode_from}-mode a {access} at physical {pa:#x}"
    if any(first <= pa < end for first, end in seen.devices):
        return f"a device is at physical {pa:#x}; PMP or the device refuses this {access}"
    return f"neither RAM nor a device answers at physical {pa:#x}"


def _guest_page_fault(event: Event, reason: str, seen: Seen) -> str:
    shadow, guest = seen.walks
    missing = shadow.fault if shadow is not None and shadow.pa is None else "it is missing"
    head = f"the shadow table does not allow GVA {event.b:#x} ({missing})"
    if guest is None:
        return head
    if guest.pa is None:
        return f"{head}, and the guest's own table neither ({guest.fault}): the guest's own fault"
    if reason == "shadow_fill":
        return f"{head}; the guest's table maps it to GPA {guest.pa:#x}: a fault hidden from it"
    if reason.startswith("mmio"):
        return f"{head}: GPA {guest.pa:#x} is a device, {_DOC[reason]}"
    if reason == "guest_fault":
        there = seen.ram[0] <= guest.pa < seen.ram[1]
        what = "its PMP forbids it" if there else "neither RAM nor a device of the VM is there"
        return f"{head}; it is GPA {guest.pa:#x}, and {what}: the guest's own access fault"
    return f"{head}; the guest's table maps it to GPA {guest.pa:#x}, {_DOC.get(reason, '')}"


def _guest_illegal(where: Where, reason: str, seen: Seen) -> str:
    mode = where.virtual_mode or "U"
    if reason == "exception":
        return f"{_illegal(mode, seen, 'virtual ')}, as on a machine of its own: " \
               "its own kernel shall see it"  # fmt: skip
    return f"{_name(seen)} is privileged, and the guest's virtual {mode} is real U: " \
           f"{_DOC.get(reason, reason)}"  # fmt: skip


def _name(seen: Seen) -> str:
    return seen.instruction.split("[")[0].strip()


def _illegal(mode: str, seen: Seen, kind: str = "") -> str:
    """Why an instruction is illegal in a mode."""
    found = None if seen.word is None else decode(seen.word)
    if found is None:
        return "these bits are no instruction of this machine"
    name = found.insn.name
    if name.startswith("csr"):
        return f"{_name(seen)}: {_csr_refused(found.values, mode, name, seen.csr, kind)}"
    lowest = _LOWEST.get(name)
    if lowest is not None and _PRIV[mode] < _PRIV[lowest]:
        return f"{name} needs {lowest}-mode, and {kind}{mode}-mode executed it"
    bit = _BARRED.get(name)
    if bit is not None and mode == "S" and seen.csr["mstatus"] >> bit[1] & 1:
        return f"{name} in {kind}S-mode is barred by mstatus.{bit[0]}"
    return f"{_name(seen)} is not allowed in {kind}{mode}-mode"


def _csr_refused(
    values: Mapping[str, int], mode: str, name: str, csr: Mapping[str, int], kind: str
) -> str:
    """Which rule refuses a CSR instruction (privileged manual 2.1, 3.1.6.5, 3.1.11)."""
    number, priv = values["csr"], _PRIV[mode]
    if number not in BY_NUMBER:
        return f"there is no CSR {number:#x}"
    known = BY_NUMBER[number]
    source = values.get("rs1", values.get("uimm", 0))
    write = name.startswith("csrrw") or source != 0
    if priv < known.privilege:
        needed = PRIV_NAMES.get(known.privilege, "?")
        return f"{known.name} needs {needed}-mode, and {kind}{mode}-mode executed it"
    if write and known.read_only:
        return f"{known.name} is read-only"
    if not csr_permitted(number, priv, write, csr["mstatus"]):
        return f"{known.name} in {kind}S-mode is barred by mstatus.TVM"
    counters = csr.get("mcounteren", 0), csr.get("scounteren", 0)
    if known.kind == "counter" and not counter_enabled(number, priv, *counters):
        return f"mcounteren or scounteren keeps {known.name} from {kind}{mode}-mode"
    return f"{known.name} is not allowed in {kind}{mode}-mode"
