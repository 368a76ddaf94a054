"""The Popek-Goldberg table of this machine: what is sensitive, what is privileged.

An instruction is *privileged* if it traps in U and not in the mode it is meant for; *sensitive*
if it changes resources or mode (control) or its result depends on them (behaviour).  Theorem 1: a
virtual machine monitor can be built if every sensitive instruction is privileged.  A CSR
instruction is as sensitive as the CSR it names, so CSRs have rows of their own.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from isa.causes import PRIV_NAMES
from isa.csrs import CSRS, Csr, counter_enabled, csr_permitted
from isa.spec import Insn
from isa.table import instructions

TRAPS, GATED, RUNS = "traps", "gated", "runs"


@dataclass(frozen=True)
class Row:
    """One instruction or CSR.

    privilege: lowest mode; sensitive: "", "control", "behaviour" or "both"; in_user: "traps",
    "runs", or "gated" (traps unless mcounteren and scounteren allow it); note: why.
    """

    name: str
    kind: str
    privilege: int
    sensitive: str
    in_user: str
    note: str = ""

    @property
    def privileged(self) -> bool:
        """Does it trap in U, or can the monitor make it do so?"""
        return self.in_user != RUNS


def insn_row(insn: Insn) -> Row:
    """The row of an instruction."""
    if insn.kind == "csr":
        return Row(insn.name, "csr instruction", 0, "", RUNS, "as the CSR that it names")
    in_user = TRAPS if insn.privilege or insn.name in _ENVIRONMENT else RUNS
    return Row(insn.name, "instruction", insn.privilege, insn.sensitive, in_user,
               _ENVIRONMENT.get(insn.name, ""))  # fmt: skip


_ENVIRONMENT = {
    "ecall": "a trap by purpose; its cause tells the mode, so the monitor rewrites it",
    "ebreak": "a trap by purpose",
    "c.ebreak": "a trap by purpose",
}
_COUNTER_NOTE = "traps only while mcounteren or scounteren forbids it"


def csr_row(csr: Csr) -> Row:
    """The row of a CSR: what an access with a CSR instruction does in U."""
    in_user = _in_user(csr)
    note = _COUNTER_NOTE if in_user == GATED else ""
    return Row(csr.name, "CSR", csr.privilege, _csr_sensitivity(csr), in_user, note)


def _in_user(csr: Csr) -> str:
    """What reading it in U does, found by asking the rules for every state of the gates."""
    if not csr_permitted(csr.number, 0, False, 0):
        return TRAPS
    gates = (0, (1 << 32) - 1)
    open_in = [counter_enabled(csr.number, 0, m, s) for m in gates for s in gates]
    return RUNS if all(open_in) else GATED if any(open_in) else TRAPS


def _csr_sensitivity(csr: Csr) -> str:
    """Writing changes resources or mode: control.  Reading shows them: behaviour."""
    return "both" if csr.writable and not csr.read_only else "behaviour"


def table() -> tuple[Row, ...]:
    """Every instruction, then every CSR."""
    return (*map(insn_row, instructions()), *map(csr_row, CSRS))


def theorem_1_exceptions(strict: bool = False) -> tuple[Row, ...]:
    """Sensitive rows that are not privileged; empty means a monitor can be built.

    With `strict` those that a monitor must first gate (the counters) are exceptions too.
    """
    bad = (RUNS, GATED) if strict else (RUNS,)
    return tuple(row for row in table() if row.sensitive and row.in_user in bad)


def text() -> str:
    """The sensitive part of the table and the verdict, for a reader."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    yield f"{'name':<14} {'kind':<12} {'mode':<5} {'sensitive':<10} {'in U':<6} note"
    for row in _grouped():
        mode = PRIV_NAMES[row.privilege]
        facts = f"{mode:<5} {row.sensitive:<10} {row.in_user:<6} {row.note}"
        yield f"{row.name:<14} {row.kind:<12} {facts}".rstrip()
    innocuous = sum(row.kind == "instruction" and not row.sensitive for row in table())
    yield "CSR instructions are as sensitive as the CSR that they name."
    yield f"{innocuous} other instructions are innocuous."
    found = theorem_1_exceptions()
    names = " ".join(row.name for row in found)
    yield f"Sensitive and not privileged: {names or 'none, so Theorem 1 holds'}."
    gated = " ".join(row.name for row in theorem_1_exceptions(strict=True) if row.in_user == GATED)
    shown = " ".join(name for name in gated.split() if not name.startswith("hpm"))
    yield f"Only while the monitor keeps mcounteren or scounteren clear: {shown} (and hpmcounters)."


def _grouped() -> Iterator[Row]:
    """Sensitive rows, without the numbered copies of one CSR (pmpaddr1, hpmcounter4 ...)."""
    seen: set[str] = set()
    for row in table():
        family = row.name.rstrip("0123456789")
        if row.sensitive and (family == row.name or family not in seen):
            yield row
        seen.add(family)
