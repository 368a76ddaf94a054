"""The C header ``<isa.h>``: CSR numbers and fields, causes, page-table bits, marks, choices.

``python -m isa.cheader`` prints it.
"""

from collections.abc import Iterator

from isa import causes, choices, csrs, marks, paging


def _line(name: str, value: int, doc: str = "") -> str:
    text = f"#define {name} {value:#x}"  # no suffix: the assembler reads it too
    return f"{text:<52} /* {doc} */" if doc else text


def _csr_lines() -> Iterator[str]:
    for csr in csrs.CSRS:
        yield _line(f"CSR_{csr.name.upper()}", csr.number, csr.doc)
    for csr in csrs.CSRS:
        name = csr.name.upper()
        for item in csr.fields:
            yield _line(f"{name}_{item.name}", item.mask, item.doc)
            yield _line(f"{name}_{item.name}_SHIFT", item.low)
        if csr.fields and csr.kind != "constant":
            yield _line(f"{name}_WRITABLE", csr.writable, "bits that a write can change")
            yield _line(f"{name}_READABLE", csr.readable, "bits that can read as one")
    yield _line("MSTATUS_RESET", csrs.BY_NAME["mstatus"].reset)
    yield _line("MISA_VALUE", csrs.BY_NAME["misa"].reset)
    yield _line("SATP_SV39", csrs.SATP_MODE_SV39 << 60)
    yield _line("ASID_BITS", csrs.ASID_BITS)
    yield _line("PMP_ENTRIES", csrs.PMP_ENTRIES)


def _cause_lines() -> Iterator[str]:
    yield _line("PRIV_U", causes.PRIV_U)
    yield _line("PRIV_S", causes.PRIV_S)
    yield _line("PRIV_M", causes.PRIV_M)
    yield _line("CAUSE_INTERRUPT", causes.INTERRUPT, "top bit of xcause")
    for cause in causes.EXCEPTIONS:
        yield _line(f"CAUSE_{cause.name}", cause.code, cause.words)
    for cause in causes.INTERRUPTS:
        yield _line(f"IRQ_{cause.name}", cause.code, cause.words)


def _paging_lines() -> Iterator[str]:
    for name, bit, doc in paging.PTE_BITS:
        yield _line(f"PTE_{name}", 1 << bit, doc)
    yield _line("PTE_PPN_SHIFT", 10)
    yield _line("PTE_RESERVED", paging.PTE_RESERVED, "must be zero")
    yield _line("PMP_R", 1)
    yield _line("PMP_W", 2)
    yield _line("PMP_X", 4)
    yield _line("PMP_L", 128, "locked until reset, and binds M")
    for number, name in enumerate(("OFF", "TOR", "NA4", "NAPOT")):
        yield _line(f"PMP_{name}", number << 3)


def _mark_lines() -> Iterator[str]:
    for mark in marks.MARKS:
        yield _line(f"MARK_{mark.name}", mark.number, mark.payload)
    for reason in marks.EXIT_REASONS:
        yield _line(f"EXIT_{reason.name.upper()}", reason.number, reason.doc)
    yield _line("EXIT_REASONS", len(marks.EXIT_REASONS), "how many there are")


def header() -> str:
    """The text of ``isa.h``."""
    lines = ["/* Generated from the tables of isa/: do not edit. */", "#pragma once", ""]
    parts = (_csr_lines(), _cause_lines(), _paging_lines(), _mark_lines(), choices.c_lines())
    for part in parts:
        lines += [*part, ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(header(), end="")
