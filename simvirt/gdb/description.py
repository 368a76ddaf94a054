"""Registers as gdb is told of them: ``target.xml``, made from the tables of ``isa``.

Numbers: 0-31 and 32 integer registers and pc, 33-64 floating point, 65 priv, 66 + n CSR n (as
QEMU numbers them).  The machine has no floating point, but a gdb that is given a program built for
it refuses a target without these registers; they read as unavailable.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from xml.sax.saxutils import quoteattr

from isa.csrs import CSRS, Csr
from isa.registers import NAMES

PC, FIRST_FLOAT, PRIV, FIRST_CSR = 32, 33, 65, 66
_FLOATS = (
    *(f"ft{n}" for n in range(8)), "fs0", "fs1", *(f"fa{n}" for n in range(8)),
    *(f"fs{n}" for n in range(2, 12)), *(f"ft{n}" for n in range(8, 12)),
)  # fmt: skip
_FLOAT_CSRS = (("fflags", 1), ("frm", 2), ("fcsr", 3))
# gdb shows these in a form of its own, of an older manual, when it finds them among the CSRs
_APART = ("mstatus",)


@cache
def target_xml() -> bytes:
    """The description.  osabi none: else gdb steps by breakpoints of its own, past a trap."""
    lines = [
        '<?xml version="1.0"?>',
        '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
        '<target version="1.0">',
        "<architecture>riscv:rv64</architecture>",
        "<osabi>none</osabi>",
        *_feature("org.gnu.gdb.riscv.cpu", _integers()),
        *_feature("org.gnu.gdb.riscv.fpu", _floats()),
        *_feature("org.gnu.gdb.riscv.virtual", [_reg("priv", 8, PRIV, "general", "uint8")]),
        *_feature("org.gnu.gdb.riscv.csr", _csrs([c for c in CSRS if c.name not in _APART])),
        *_feature("org.simvirt.csr", _csrs([c for c in CSRS if c.name in _APART])),
        "</target>",
    ]
    return "\n".join(lines).encode()


def register_of(number: int) -> str | None:
    """The name of a register by gdb's number: "x5", "pc", "priv", a CSR's; None: not there."""
    if 0 <= number < PC:
        return f"x{number}"
    names = {PC: "pc", PRIV: "priv"}
    return names.get(number, _csr_names().get(number))


def size_of(number: int) -> int | None:
    """Bytes of a register; None: no such number."""
    if number == PRIV:
        return 1
    if number - FIRST_CSR in [n for _, n in _FLOAT_CSRS]:
        return 4
    known = 0 <= number < FIRST_CSR or number in _csr_names()
    return 8 if known else None


@cache
def _csr_names() -> dict[int, str]:
    return {FIRST_CSR + csr.number: csr.name for csr in CSRS}


def _feature(name: str, lines: Iterator[str] | list[str]) -> Iterator[str]:
    yield f'<feature name="{name}">'
    yield from lines
    yield "</feature>"


def _reg(name: str, bits: int, number: int, group: str, kind: str) -> str:
    return f'<reg name="{name}" bitsize="{bits}" regnum="{number}" group="{group}" type="{kind}"/>'


def _integers() -> Iterator[str]:
    pointers = {"ra": "code_ptr", "sp": "data_ptr", "gp": "data_ptr", "tp": "data_ptr"}
    for number, name in enumerate(NAMES):
        yield _reg("fp" if name == "s0" else name, 64, number, "general", pointers.get(name, "int"))
    yield _reg("pc", 64, PC, "general", "code_ptr")


def _floats() -> Iterator[str]:
    for number, name in enumerate(_FLOATS, FIRST_FLOAT):
        yield _reg(name, 64, number, "float", "ieee_double")
    for name, number in _FLOAT_CSRS:
        yield _reg(name, 32, FIRST_CSR + number, "float", "int")


def _csrs(csrs: list[Csr]) -> Iterator[str]:
    for csr in csrs:
        kind = "uint64"
        if csr.fields:
            kind = f"{csr.name}_fields"
            yield from _flags(kind, csr)
        yield _reg(csr.name, 64, FIRST_CSR + csr.number, "csr", kind)


def _flags(kind: str, csr: Csr) -> Iterator[str]:
    yield f'<flags id="{kind}" size="8">'
    for field in sorted(csr.fields, key=lambda f: f.low):
        name = quoteattr(field.name)
        yield f'<field name={name} start="{field.low}" end="{field.high}"/>'
    yield "</flags>"
