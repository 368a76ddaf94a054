"""The reference card: two pages of 66 lines of 100 columns, read off the tables."""

import re
import textwrap
from itertools import zip_longest

from isa.asm_insn import plain_syntax
from isa.causes import EXCEPTIONS, INTERRUPTS
from isa.csrs import BY_NAME, CSRS, alike
from isa.paging import PTE_BITS
from isa.registers import REGISTERS
from isa.spec import Insn
from isa.table import base, instructions, modules

WIDTH, LINES = 100, 66


def card() -> str:
    """Both pages, the second after a form feed."""
    return "\n".join(first_page()) + "\n\f" + "\n".join(second_page()) + "\n"


def first_page() -> list[str]:
    """Every instruction."""
    compressed = [
        f"{i.name:<11}{i.expansion.insn}" for i in instructions() if i.expansion is not None
    ]
    return [
        "RV64IMAC Zicsr Zifencei Zicntr, M/S/U, Sv39, Sstc, PMP  (lr, sc, amo*: .aq .rl .aqrl)",
        "",
        *columns([line for family in families() for line in _family_lines(family)], 2),
        "",
        "Compressed, and what each stands for",
        *columns(compressed, 5),
    ]


def second_page() -> list[str]:
    """Registers, CSRs, causes, the page-table entry."""
    return [
        *_titled("Registers", [f"x{r.number:<3}{r.name:<5}{r.role}" for r in REGISTERS], 4),
        *_titled("CSRs (number in hexadecimal)", _csr_lines(), 2),
        "mstatus (bit: field)",
        *textwrap.wrap("; ".join(_status_fields()) + ".", WIDTH),
        "",
        *_titled("Exceptions (xcause)", [f"{c.code} {c.words}" for c in EXCEPTIONS], 3),
        *_titled("Interrupts (xcause with bit 63; bits of xip and xie)",
                 [f"{c.code} {c.words}" for c in INTERRUPTS], 2),
        *_translation_lines(),
    ]  # fmt: skip


def columns(rows: list[str], count: int) -> list[str]:
    """Rows set in columns, read downwards.  Raises ValueError for a row wider than its column."""
    width = WIDTH // count
    for row in rows:
        if len(row) >= width:
            raise ValueError(f"{row!r} has {len(row)} of at most {width - 1} characters")
    height = -(-len(rows) // count)
    parts = [rows[i * height : (i + 1) * height] for i in range(count)]
    return [
        "".join(f"{cell:<{width}}" for cell in line).rstrip()
        for line in zip_longest(*parts, fillvalue="")
    ]


def _titled(title: str, rows: list[str], count: int) -> list[str]:
    return [title, *columns(rows, count), ""]


def families() -> list[list[Insn]]:
    """Base instructions by extension; those that share one function, or differ in width, as one."""
    found: dict[tuple[str, str], list[Insn]] = {}
    for insn in sorted(base(), key=lambda insn: modules().index(insn.module)):
        key = insn.name.partition(".")[0] if insn.kind in ("lr", "sc", "amo") else insn.doc
        found.setdefault((insn.module, key), []).insert(0, insn)
    return list(found.values())


def _family_lines(family: list[Insn]) -> list[str]:
    names = " ".join(insn.name for insn in family)
    if family[0].kind in ("lr", "sc", "amo"):
        names = family[0].name.partition(".")[0] + ".w/.d"
    doc = min((insn.doc for insn in family), key=len)
    text = f"{names} {family_syntax(family)}".rstrip() + f": {doc}"
    return textwrap.wrap(text, WIDTH // 2 - 2, subsequent_indent="   ", break_on_hyphens=False)


def family_syntax(family: list[Insn]) -> str:
    """The operands of a family; where the last differs, all that it can be: rs2/imm."""
    operands = [plain_syntax(insn.syntax).split(", ") for insn in family]
    last = "/".join(dict.fromkeys(each[-1] for each in operands))
    return ", ".join([*operands[0][:-1], last])


def _clause(doc: str) -> str:
    """The first clause of a description."""
    return re.split(r"[.;:] |\.$|; ", doc)[0]


def _csr_lines() -> list[str]:
    rows = []
    for csr in CSRS:
        row = alike(csr)
        if row[0] is csr:
            name = csr.name if len(row) == 1 else csr.name.rstrip("0123456789") + "n"
            rows.append(f"{csr.number:03x} {name:<14}{_clause(csr.doc)}")
    return rows


def _status_fields() -> list[str]:
    fields = sorted(BY_NAME["mstatus"].fields, key=lambda item: item.low)
    return [
        f"{item.high}{f':{item.low}' if item.high > item.low else ''}: {item.name} {item.doc}"
        for item in fields
    ]


def _translation_lines() -> list[str]:
    letters = " ".join(name for name, _, _ in reversed(PTE_BITS))
    meanings = ", ".join(f"{name} {doc}" for name, _, doc in PTE_BITS)
    return [
        "Sv39: va = copies of bit 38 | VPN2 38:30 | VPN1 29:21 | VPN0 20:12 | offset 11:0",
        f"PTE: 63:54 zero | PPN 53:10 | RSW 9:8 | {letters} (7 to 0)",
        *textwrap.wrap(meanings, WIDTH),
        "satp: MODE 63:60 (0 Bare, 8 Sv39) | ASID 51:44 | PPN 43:0",
        "pmpcfg: A 4:3 (0 OFF, 1 TOR, 2 NA4, 3 NAPOT) | X 2 | W 1 | R 0; pmpaddr: address >> 2",
        "",
    ]
