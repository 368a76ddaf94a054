"""The integer registers: ABI names, roles, and the way back from a name to a number."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Register:
    """One integer register: its number, ABI name, role, and who preserves it over a call."""

    number: int
    name: str
    role: str
    saver: str


def _several(first: int, names: str, role: str, saver: str) -> tuple[Register, ...]:
    return tuple(Register(first + i, n, role, saver) for i, n in enumerate(names.split()))


REGISTERS: tuple[Register, ...] = (
    *_several(0, "zero", "always 0", ""),
    *_several(1, "ra", "return address", "caller"),
    *_several(2, "sp", "stack pointer", "callee"),
    *_several(3, "gp", "global pointer", ""),
    *_several(4, "tp", "thread pointer", ""),
    *_several(5, "t0 t1 t2", "temporary", "caller"),
    *_several(8, "s0", "saved, also fp", "callee"),
    *_several(9, "s1", "saved", "callee"),
    *_several(10, "a0 a1", "argument/result", "caller"),
    *_several(12, "a2 a3 a4 a5 a6 a7", "argument", "caller"),
    *_several(18, "s2 s3 s4 s5 s6 s7 s8 s9 s10 s11", "saved", "callee"),
    *_several(28, "t3 t4 t5 t6", "temporary", "caller"),
)

NAMES: tuple[str, ...] = tuple(register.name for register in REGISTERS)
NUMBERS: dict[str, int] = {
    **{name: number for number, name in enumerate(NAMES)},
    **{f"x{number}": number for number in range(32)},
    "fp": 8,
}
