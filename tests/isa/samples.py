"""Random and corner operands for any instruction of the table."""

import random
from collections.abc import Iterator

from isa.encode import forbidden, operand_range
from isa.spec import Insn


def visible(insn: Insn) -> list[str]:
    """The operands that assembly text can hold (not the reserved fields of fence and fence.i)."""
    return [name for name in insn.operands if f"{{{name}" in insn.syntax or name in ("aq", "rl")]


def operand_sets(
    insn: Insn, count: int, seed: int = 1, avoid_hints: bool = False
) -> Iterator[dict[str, int]]:
    """`count` sets of operands: smallest values, largest values, then random ones."""
    rng = random.Random(f"{insn.name}/{seed}")
    for index in range(count):
        yield {name: _value(insn, name, index, rng, avoid_hints) for name in visible(insn)}


def _value(insn: Insn, name: str, index: int, rng: random.Random, avoid_hints: bool) -> int:
    allowed = operand_range(insn, name)
    bad = forbidden(insn, name) | ({0} if avoid_hints and insn.kind == "compressed" else set())
    if index < 2:
        steps = range(len(allowed))
        ordered = steps if index == 0 else reversed(steps)
        return next(allowed[step] for step in ordered if allowed[step] not in bad)
    while True:
        value = rng.choice(allowed)
        if value not in bad:
            return value
