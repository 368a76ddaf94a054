"""The last events of a machine, or of one VM, in words."""

from __future__ import annotations

from collections.abc import Sequence

from isa import marks
from isa.causes import CAUSE, INTERRUPT
from simvirt.events import KIND, Event, Records

LAST_EVENTS = 5
_LONGEST_CYCLE = 4
_ENTER, _EXIT, _VM_END = (
    marks.MARK_NUMBERS["ENTER"],
    marks.MARK_NUMBERS["EXIT"],
    marks.MARK_NUMBERS["VM_END"],
)
_PROCESS = marks.MARK_NUMBERS["PROCESS"]


def last_events(events: Sequence[Event]) -> str:
    """The last five; what is repeated at the end counts once, so that one sees what began it."""
    length, covered = _cycle([(e.kind, e.mode_from, e.pc, e.a, e.b) for e in events])
    first = len(events) - covered
    before = events[max(first + length - LAST_EVENTS, 0) : first]
    lines = [event.text() for event in (*before, *events[first : first + length])]
    if covered:
        lines.append(f"... repeated {covered // length} times, the last at t={events[-1].t}")
    return "\n".join(lines) or "none were recorded"


def _cycle(keys: Sequence[object]) -> tuple[int, int]:
    """Length of the shortest sequence that `keys` end in repeating, and how many it covers."""
    for length in range(1, _LONGEST_CYCLE + 1):
        same = 0
        while same + length < len(keys) and keys[-1 - same] == keys[-1 - same - length]:
            same += 1
        if same >= 2 * length:
            return length, same + length
    return 0, 0


def of_vm(records: Records, vm: int) -> Records:
    """Those of one VM: what its guest did, and the marks of its VMM about it.

    A fetch that fails on the way into a guest comes from no frame of it: it is the guest's
    because it lies between the ENTER and the EXIT mark.
    """
    wanted = []
    process, runs = 0, dict[int, int | None]()  # which VM each process is running
    for record in records.tolist():
        head, a, b = record[0], record[4], record[5]
        kind, owner, mode = head & 0xFF, head >> 32 & 0xFF, head >> 16 & 0xFF
        if kind == KIND["MARK"] and owner == 0:
            about = a in (_ENTER, _EXIT, _VM_END) and b >> 16 == vm
            if a == _PROCESS:
                process = b
            elif a in (_ENTER, _EXIT):
                runs[process] = b >> 16 if a == _ENTER else None
            wanted.append(about)
        elif kind == KIND["TRAP"] and owner == 0:
            own = a != CAUSE["ECALL_U"] and a < INTERRUPT  # those are the VMM process's
            wanted.append(runs.get(process) == vm and mode == 0 and own)
        else:
            wanted.append(owner == vm + 1 and kind != KIND["OWNER"])
    return records[wanted]
