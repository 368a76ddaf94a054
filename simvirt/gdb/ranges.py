"""Where execution can leave a range of instructions: a loop inside it runs at full speed."""

from __future__ import annotations

from isa.decode import decode

_BRANCHES = ("beq", "bne", "blt", "bge", "bltu", "bgeu", "jal")
_ANYWHERE = ("jalr", "ecall", "ebreak", "mret", "sret")


def ways_out(code: bytes, start: int) -> set[int] | None:
    """Addresses at which to look again, when `code` runs that lies at `start`.

    The targets of branches outside the range, its end, and in it what jumps nobody knows where.
    None if some bits are no instruction.  (A trap can leave at any place.)
    """
    end, at, found = start + len(code), start, {start + len(code)}
    while at < end:
        word = int.from_bytes(code[at - start : at - start + 4], "little")
        instruction = decode(word)
        if instruction is None:
            return None
        target = at + instruction.imm
        if instruction.base in _ANYWHERE:
            found.add(at)
        elif instruction.base in _BRANCHES and not start <= target < end:
            found.add(target)
        at += instruction.length
    return found
