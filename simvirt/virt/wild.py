"""Wild jumps: who jumped to an address that is no code of the program?

The machine keeps no history of jumps, but it can be run again from its start, exactly: that shows
the jump itself.  Where that would take too long, the return address may tell that a call left in
`ra`, where a trap handler has saved that.  It is evidence and no proof, so the words say "probably"
and on what they rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from isa import marks
from isa.causes import INTERRUPT
from isa.disasm import disassemble
from simvirt.core.state import State
from simvirt.events import KIND, Records
from simvirt.loader import PF_X, Image
from simvirt.outside import Outside
from simvirt.virt.remains import instruction, place
from simvirt.virt.stacks import Stack

Read = Callable[[int], int | None]  # a doubleword at a virtual address, None where there is none
FRAME = 34  # doublewords in which handlers save the registers and the pc
STACK = 128  # doublewords of the stack that are looked through
_SURE = 2  # the places that come first are those of mscratch and sscratch
RA, SP = 1, 2
LONGEST = 300_000_000  # steps that are run again: a few seconds
NEAR = 2000  # steps before the first trap out there
_ENTER = marks.MARK_NUMBERS["ENTER"]
_JAL, _JALR, _AUIPC = 0x6F, 0x67, 0x17


@dataclass(frozen=True)
class Call:
    """A call before a return address; `target` is known when it names one itself."""

    pc: int
    text: str
    target: int | None

    def where(self, image: Image) -> str:
        """In which function, and on which line."""
        return place(image, self.pc).removeprefix(", in ")


def is_code(image: Image, pc: int) -> bool:
    """Can the program have instructions there?"""
    return any(s.flags & PF_X and 0 <= pc - s.paddr < s.memsize for s in image.segments)


def call_before(image: Image, address: int) -> Call | None:
    """The call that returns to an address, if the instruction before it is one."""
    if address & 1 or not is_code(image, address - 1):
        return None
    word, half = _bits(image, address - 4, 4), _bits(image, address - 2, 2)
    if word is not None and word & 0x7F in (_JAL, _JALR) and word >> 7 & 0x1F == RA:
        pc = address - 4
        return Call(pc, disassemble(word, pc), _target(image, pc, word))
    if half is not None and half & 0xF07F == 0x9002 and half >> 7 & 0x1F:
        return Call(address - 2, disassemble(half, address - 2), None)
    return None


def _target(image: Image, pc: int, word: int) -> int | None:
    if word & 0x7F == _JAL:
        field = word >> 31 << 20 | (word >> 12 & 0xFF) << 12 | (word >> 20 & 1) << 11
        return pc + _signed(field | (word >> 21 & 0x3FF) << 1, 21)
    before = _bits(image, pc - 4, 4)
    if before is not None and before & 0xFFF == _AUIPC | RA << 7 and word >> 15 & 0x1F == RA:
        return pc - 4 + _signed(before & ~0xFFF, 32) + _signed(word >> 20, 12)
    return None


def _signed(value: int, bits: int) -> int:
    return value - (1 << bits) if value >> (bits - 1) & 1 else value


def _bits(image: Image, pc: int, size: int) -> int | None:
    for segment in image.segments:
        at = pc - segment.paddr
        if segment.flags & PF_X and 0 <= at <= len(segment.data) - size:
            return int.from_bytes(segment.data[at : at + size], "little")
    return None


# ---- by running again ----------------------------------------------------------------------------


def first_trap(records: Records, image: Image) -> int | None:
    """When the last trap of some records is outside the code: `t` of the first of its kind.

    Those before it are of its kind when they have the same pc, or nothing has executed between.
    """
    found, later = None, None
    taken = (records[:, 0] & np.uint64(0xFF) == KIND["TRAP"]) & (records[:, 4] < INTERRUPT)
    for _, t, _, pc, _, _, _, retired in records[taken][::-1].tolist():
        same = later is None or pc == later[0] or retired == later[1]
        if is_code(image, pc) or not same:
            break
        found, later = t, (pc, retired)
    return found


def by_replay(
    start: Stack, inputs: Sequence[Outside], t: int, image: Image, owner: int
) -> str | None:
    """The last instruction of the code before step `t`, in a machine that is run again.

    `start` is the stack as it began, `owner` whose code it is (0: the machine's own, i + 1: VM
    i's).  None when that is too far or cannot be seen.
    """
    if t > LONGEST:
        return None
    from simvirt.virt.explain import replay

    machine = replay(start, inputs, max(t - NEAR, 0)).machine
    state = machine.state
    last = None
    while state.mach("t") < t:
        pc, traps, mode = state.hart("pc"), state.hart("not_retired"), state.hart("priv")
        if machine.run(1).reason != "budget":
            break
        trapped = state.hart("not_retired") != traps
        if is_code(image, pc) and _is_its(state, owner, mode, trapped):
            last = pc, trapped
    return None if last is None else _way_out(image, *last)


def _is_its(state: State, owner: int, mode: int, trapped: bool) -> bool:
    """Was the last step, in that real mode, one of the owner's code?

    After a trap the owner of the frame is forgotten; the VMM's last mark names the VM then.
    """
    if not owner or not trapped:
        return state.work("owner") == owner and (owner != 0 or mode != 0)
    entered = state.mach("mark_kind") == _ENTER and state.mach("mark_payload") >> 16 == owner - 1
    return mode == 0 and entered


def _way_out(image: Image, pc: int, trapped: bool) -> str:
    where, text = place(image, pc).removeprefix(", in "), instruction(None, pc, image)
    if trapped:
        return f"no jump: `{text}` in {where} trapped, and the address for traps leads here"
    return f"{where}, by `{text}`"


# ---- by what is left -----------------------------------------------------------------------------


def from_memory(image: Image, pc: int, places: Iterable[int], read: Read) -> str | None:
    """Who jumped to `pc`, when a handler has run since and has saved the registers.

    `places` (of `frames`) are where it may have.  None if nothing that fits is found there, or
    `pc` is code.
    """
    if is_code(image, pc):
        return None
    for start in places if pc else list(places)[:_SURE]:  # zeros are everywhere on a stack
        call = _saved_call(image, pc, [read(start + 8 * i) for i in range(FRAME)])
        if call is not None:
            return _words(
                image, call, f"its return address is saved beside this pc, near {start:#x}"
            )
    return None


def _saved_call(image: Image, pc: int, words: Sequence[int | None]) -> Call | None:
    """Of a frame that holds the pc, the call whose return address it holds, too.

    A call by a pointer comes first: that is how wild jumps are made.
    """
    if pc not in words:
        return None
    calls = [call for word in words if word and (call := call_before(image, word))]
    return next((call for call in calls if call.target is None), calls[0] if calls else None)


def _words(image: Image, call: Call, why: str) -> str:
    where = call.where(image)
    if call.target is None:
        return f"probably {where}, by `{call.text}`: {why}"
    callee = image.symbol_at(call.target)
    return f"probably {callee or hex(call.target)}, called in {where}: {why}"


def frames(scratch: Sequence[int], sp: int) -> list[int]:
    """Places where a handler may have saved registers: by its scratch registers, on its stack."""
    return [*scratch, *(sp + 8 * i for i in range(STACK))]
