"""Encoding: operand values to an instruction word, with the reason when that is impossible."""

from collections.abc import Mapping

from isa.registers import NAMES
from isa.spec import Insn


class Mistake(ValueError):
    """Something that cannot be assembled: `problem` says what, `hint` what would be right."""

    def __init__(self, problem: str, hint: str) -> None:
        super().__init__(f"{problem}; {hint}")
        self.problem = problem
        self.hint = hint


class EncodeError(Mistake):
    """A value that the instruction's bits cannot hold."""


def operand_range(insn: Insn, operand: str) -> range:
    """Every value that the operand's bits can hold (its step is the alignment)."""
    width = insn.width_of(operand)
    step = 1 << insn.low_zeros(operand)
    if operand.endswith("'"):
        return range(8, 16)
    if operand == "imm":
        return range(-(1 << (width - 1)), 1 << (width - 1), step)
    return range(0, 1 << width, step)


def forbidden(insn: Insn, operand: str) -> set[int]:
    """Values inside the range that belong to another instruction or to none."""
    values = {value for name, value in insn.excluded if name == operand}
    return values | ({0} if operand in insn.nonzero else set())


def encode(insn: Insn, values: Mapping[str, int]) -> int:
    """The word of an instruction; operands that are not given are 0 (reserved fields, aq, rl).

    Raises EncodeError if a value does not fit its bits or the instruction excludes it.
    """
    word = insn.match
    for operand in insn.operands:
        value = values.get(operand, 8 if operand.endswith("'") else 0)
        check_operand(insn, operand, value)
        raw = value - 8 if operand.endswith("'") else value
        for piece in insn.pieces:
            if piece.operand == operand:
                bits = (raw >> piece.target) & ((1 << piece.width) - 1)
                word |= bits << piece.source
    return word


def check_operand(insn: Insn, operand: str, value: int) -> None:
    """Raise EncodeError unless `insn` can hold `value` in this operand."""
    allowed = operand_range(insn, operand)
    if value in allowed and value not in forbidden(insn, operand):
        return
    what = _show(operand, value)
    if value in allowed:
        raise EncodeError(f"{insn.name} cannot have {what}", _except_hint(insn, operand))
    if allowed.start <= value <= allowed[-1]:
        raise EncodeError(f"{what} is not a multiple of {allowed.step}", _range_hint(allowed))
    if operand.endswith("'"):
        raise EncodeError(f"{insn.name} cannot name {what}", "it reaches s0, s1 and a0 to a5 only")
    raise EncodeError(f"{what} does not fit", _range_hint(allowed))


def _is_register(operand: str) -> bool:
    return operand.rstrip("'") in ("rd", "rs1", "rs2")


def _show(operand: str, value: int) -> str:
    if _is_register(operand) and 0 <= value < len(NAMES):
        return f"register {NAMES[value]}"
    return f"the value {value}" if abs(value) < 4096 else f"the value {value} ({value:#x})"


def _range_hint(allowed: range) -> str:
    step = f" in steps of {allowed.step}" if allowed.step > 1 else ""
    return f"it takes {allowed.start} to {allowed[-1]}{step}"


def _except_hint(insn: Insn, operand: str) -> str:
    names = sorted(forbidden(insn, operand))
    shown = [NAMES[v] if _is_register(operand) else str(v) for v in names]
    return f"any other than {', '.join(shown)} is right"
