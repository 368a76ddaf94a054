"""Why a trap was taken, in a sentence, from its event and the walks of the address."""

from __future__ import annotations

from isa import causes
from isa.marks import EXIT_REASONS
from simvirt.events import Event
from simvirt.virt.layers import Where
from simvirt.walk import Translation

_DOC = {reason.name: reason.doc for reason in EXIT_REASONS}
_PAGE_FAULTS = (12, 13, 15)
Walks = tuple[Translation | None, Translation | None]


def why(
    placement: str, event: Event, where: Where, reason: str, instruction: str, walks: Walks
) -> str:
    """The sentence; `walks`: by the tables in use, and by the guest's own."""
    if event.a & causes.INTERRUPT:
        return _interrupt(event, where, placement)
    if placement == "bare" or not where.in_guest:
        return _own(event, where, instruction, walks[0])
    if event.a in _PAGE_FAULTS:
        return _guest_page_fault(event, reason, walks)
    if event.a == causes.CAUSE["ILLEGAL_INSN"]:
        return _guest_illegal(where, reason, instruction)
    if event.a == causes.CAUSE["ECALL_U"]:
        return f"ecall traps in every mode; the guest makes it in virtual {where.virtual_mode}, " \
               "so its own kernel shall see it"  # fmt: skip
    return f"{_DOC.get(reason, causes.describe(event.a))}"


def _interrupt(event: Event, where: Where, placement: str) -> str:
    words = causes.describe(event.a)
    if placement == "bare" or not where.in_guest:
        return f"{words}: it is pending and enabled"
    return f"{words} of the real machine: the layer below is asked, whatever the guest masks"


def _own(event: Event, where: Where, instruction: str, walk: Translation | None) -> str:
    if event.a in (8, 9, 11):
        return f"ecall asks the next layer for a service (a7 tells which): the {where.layer} called"
    if walk is not None and walk.pa is None:
        return f"{causes.describe(event.a)} at {event.b:#x}: {walk.fault}"
    if event.a == causes.CAUSE["ILLEGAL_INSN"]:
        return f"{instruction.split('[')[0].strip()} is not allowed in {event.mode_from}-mode, " \
               "or no instruction at all"  # fmt: skip
    if event.a == causes.CAUSE["BREAKPOINT"]:
        return "ebreak always traps"
    return f"{causes.describe(event.a)} at {event.b:#x}"


def _guest_page_fault(event: Event, reason: str, walks: Walks) -> str:
    shadow, guest = walks
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
    return f"{head}; the guest's table maps it to GPA {guest.pa:#x}, {_DOC.get(reason, '')}"


def _guest_illegal(where: Where, reason: str, instruction: str) -> str:
    name = instruction.split("[")[0].strip()
    if reason == "exception":
        return f"{name} is illegal in virtual {where.virtual_mode}, as on a machine of its own: " \
               "its own kernel shall see it"  # fmt: skip
    return f"{name} is privileged, and the guest's virtual {where.virtual_mode} is real U: " \
           f"{_DOC.get(reason, reason)}"  # fmt: skip
