"""The kernel generator: rules and semantics of ``isa``, the parts and the dispatch in one file.

One self-contained module, because Numba's cache looks at one file only; named by the hash of
its text.  Two variants share everything: "fast" and "traced" (a record per instruction and per
memory access).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from importlib import resources
from typing import Any

from isa import csrs, paging, pmp, traps, triggers
from isa.spec import Insn
from isa.table import base, by_name, instructions
from simvirt.core import expand, layout
from simvirt.core.dispatch import branches

OP_ILLEGAL, OP_STOP, OP_MARK, OP_REGION, FIRST_OP = 1, 2, 3, 4, 5
PARTS = ("arith", "control", "harts", "memory", "atomic", "fetch", "system")
VARIANTS = ("fast", "traced")
RULE_MODULES = (paging, pmp, traps, triggers)
_LAYOUT_CONSTANTS = (
    "X_SINK", "DTLB_ENTRIES", "ITLB_ENTRIES", "TLB_WORDS", "EVENT_MARGIN", "REPEATED_TRAPS",
    "FLAG_DECODED", "FLAG_BREAKPOINT", "FLAG_WATCHED", "FLAG_REGION", "FLAG_CLEAN", "STATUS_MMIO",
    "SAMPLES", "ENTRY_WORDS", "FLAG_RESERVED", "BANK_WORDS",
)  # fmt: skip
CSR_KINDS = (
    "CSR_NONE", "CSR_PLAIN", "CSR_CONSTANT", "CSR_MCYCLE", "CSR_MINSTRET", "CSR_TIME", "CSR_MIP",
    "CSR_SIP", "CSR_SIE", "CSR_SELECTED",
)  # fmt: skip

# CSRs whose change can alter what happens next: come out for housekeeping, record an event
LOUD = {
    "mstatus", "sstatus", "mie", "sie", "mip", "sip", "mideleg", "medeleg", "satp", "menvcfg",
    "stimecmp", "mtvec", "stvec", "tdata1", "tdata2", "pmpcfg0",
    *(f"pmpaddr{n}" for n in range(csrs.PMP_ENTRIES)),
}  # fmt: skip


def operations() -> dict[str, int]:
    """Operation number of each base instruction."""
    return {insn.name: FIRST_OP + n for n, insn in enumerate(base())}


def kernel_source(variant: str) -> str:
    """Source text of the kernel module of a variant ("fast" or "traced")."""
    if variant not in VARIANTS:
        raise ValueError(f"no kernel variant {variant!r}: one of {', '.join(VARIANTS)}")
    sections = [_prologue(variant), _tables(), *_rules(), *_parts(), _csr_functions()]
    region = _part("region").replace("\n\n\ndef ", "\n\n\n" + _jit("def "))  # not the intrinsic
    sections += [region, _loop(variant)]
    return "\n\n".join(sections) + "\n"


# ---- constants and tables ----------------------------------------------------------------------


def _prologue(variant: str) -> str:
    lines = [
        f'"""The {variant} kernel of SimVirt: generated, do not edit (`simvirt kernel --show`)."""',
        "import numpy as np",
        "from llvmlite import ir",
        "from numba import types",
        "from numba.core import cgutils",
        "from numba.extending import intrinsic",
        "from numba import njit",
        "U64, I64, I32, U8T = np.uint64, np.int64, np.int32, np.uint8",
        "I8, I16, U16T, U32T = np.int8, np.int16, np.uint16, np.uint32",
        "ALL_ONES = U64(0xFFFFFFFFFFFFFFFF)",
        "PAGE_MASK = U64(0xFFFFFFFFFFFFF000)",
        "RAM_BASE = U64(0x80000000)",
        *(f"U{n} = U64({n})" for n in (*range(9), 12, 16, 63)),
    ]
    regions = {"hart": layout.HART, "mach": layout.MACH, "work": layout.WORK}
    for region, names in regions.items():
        start, prefix = layout.region_start(region), region[0].upper()
        lines += [f"{prefix}_{name.upper()} = {start + i}" for i, name in enumerate(names)]
    lines += [f"L_{name.upper()} = {layout.region_start(name)}" for name in layout.REGIONS]
    lines.append(f"HART_WORDS = {len(layout.HART)}")
    lines.append(f"TRIGGERS = {csrs.TRIGGERS}")
    lines.append(f"L_END_OF_HART = {layout.region_start('breakpoints')}")
    lines += [f"X_{name} = {i}" for i, name in enumerate(layout.EXITS)]
    lines += [f"K_{name} = U64({i})" for i, name in enumerate(layout.EVENT_KINDS)]
    lines += [f"{name} = {i}" for i, name in enumerate(CSR_KINDS)]
    for name in _LAYOUT_CONSTANTS:
        lines.append(f"{name} = {getattr(layout, name)}")
    own = "OP_ILLEGAL, OP_STOP, OP_MARK, OP_REGION"
    lines += [f"{own} = {OP_ILLEGAL}, {OP_STOP}, {OP_MARK}, {OP_REGION}"]
    lines += [f"OP_MARKABLE = {operations()['slti']}"]
    return "\n".join(lines)


def _array(name: str, rows: list[Any]) -> str:
    return f"{name} = np.array({rows!r}, dtype=np.uint64)".replace("], [", "],\n [")


def _tables() -> str:
    rows: list[list[int]] = []
    pieces: list[int] = []
    for insn in instructions():
        rows.append(_decode_row(insn, pieces))
    csr_rows, csr_index = _csr_tables()
    return "\n".join(
        [
            "# match mask op rd rs1 rs2 first-piece pieces (field forbidden) x2 sign-bit",
            _array("DECODE_ROWS", rows),
            "# source bit | width << 8 | target bit << 16",
            _array("DECODE_PIECES", pieces),
            "# kind slot readable writable constant legalize loud",
            _array("CSR_TABLE", csr_rows),
            "CSR_ROW = np.zeros(4096, dtype=np.uint64)",
            f"for _n, _r in {csr_index!r}:\n    CSR_ROW[_n] = _r",
        ]
    )


def _register_source(insn: Insn, operand: int | str) -> int:
    if isinstance(operand, int):
        return 0x8000 | operand
    piece = next((p for p in insn.pieces if p.operand == operand), None)
    if piece is None:
        return 0x8000
    return piece.source | (0x100 if operand.endswith("'") else 0)


def _decode_row(insn: Insn, pieces: list[int]) -> list[int]:
    if insn.expansion:
        to = insn.expansion
        names: tuple[int | str, ...] = (to.insn, to.rd, to.rs1, to.rs2, to.imm)
    else:
        immediate = next((n for n in ("csr", "imm", "shamt") if n in insn.operands), 0)
        rs1 = "uimm5" if "uimm5" in insn.operands else "rs1"
        names = (insn.name, "rd", rs1, "rs2", immediate)
    op, rd, rs1_from, rs2, imm = names
    found = [p for p in insn.pieces if p.operand == imm]
    first = len(pieces)
    pieces += [p.source | p.width << 8 | p.target << 16 for p in found]
    forbidden = [*((name, 0) for name in insn.nonzero), *insn.excluded]
    limits: list[int] = []
    for name, value in [*forbidden, ("", 0), ("", 0)][:2]:
        limits += _field_constraint(insn, name, value)
    sign = insn.width_of("imm") if imm == "imm" else 0
    return [insn.match, insn.mask, operations()[str(op)], _register_source(insn, rd),
            _register_source(insn, rs1_from), _register_source(insn, rs2), first, len(found),
            *limits, sign]  # fmt: skip


def _field_constraint(insn: Insn, name: str, value: int) -> list[int]:
    mask = wanted = 0
    for piece in insn.pieces:
        if piece.operand == name:
            field = (1 << piece.width) - 1
            mask |= field << piece.source
            wanted |= ((value >> piece.target) & field) << piece.source
    return [mask, wanted]


def _csr_kind(csr: csrs.Csr) -> tuple[str, str]:
    special = {"mip": "CSR_MIP", "sip": "CSR_SIP", "sie": "CSR_SIE"}
    if csr.name in special:
        return special[csr.name], "mip"
    if csr.kind == "counter":
        return f"CSR_{csr.view_of.upper()}", "mip"
    if csr.kind == "constant":
        return "CSR_CONSTANT", "mip"
    if csr.kind == "selected":
        return "CSR_SELECTED", layout.csr_words(csr)[0]
    return "CSR_PLAIN", csr.view_of or csr.name


def _csr_tables() -> tuple[list[list[int]], list[tuple[int, int]]]:
    legal = _legalizers()
    rows = [[0] * 7]
    index = []
    for csr in csrs.CSRS:
        kind, slot = _csr_kind(csr)
        index.append((csr.number, len(rows)))
        storage = csrs.BY_NAME[csr.view_of] if csr.kind == "view" else csr
        rule = legal.index(storage.legalize) + 1 if storage.legalize else 0
        rows.append([CSR_KINDS.index(kind), layout.HART_INDEX[slot], csr.readable, csr.writable,
                     csr.reset, rule, int(csr.name in LOUD)])  # fmt: skip
    return rows, index


def _legalizers() -> list[Callable[..., Any]]:
    return list(dict.fromkeys(csr.legalize for csr in csrs.CSRS if csr.legalize))


# ---- functions ----------------------------------------------------------------------------------


# Kernels allocate nothing (_nrt), and only `run` is called from Python: no wrappers for the rest.
_COMMON = "nogil=True, error_model='numpy', _nrt=False"
_INNER = f"{_COMMON}, no_cpython_wrapper=True, no_cfunc_wrapper=True"
_OUTER = f"{_COMMON}, cache=True"


def _jit(source: str, options: str = _INNER) -> str:
    return f"@njit({options})\n{source}"


def _rules() -> Iterator[str]:
    for module in RULE_MODULES:
        for function in vars(module).values():
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                yield _jit(expand.rule(function))
    for function in csrs.PERMISSIONS:
        yield _jit(expand.rule(function))
    for function in _legalizers():
        yield _jit(expand.rule(function))


def _parts() -> Iterator[str]:
    """The parts in an order in which every function stands before its callers' first call."""
    for part in PARTS:
        body = "\n" + _part(part)
        yield f"# ---- {part} ----\n" + body.replace("\ndef ", "\n" + _jit("def "))


def _part(name: str) -> str:
    """The text of a part behind its docstring."""
    folder = resources.files("simvirt.core").joinpath("parts")
    text = folder.joinpath(f"{name}.py").read_text(encoding="utf-8")
    return text[re.search(r"^(def|@)", text, re.MULTILINE).start() :]  # type: ignore[union-attr]


def _csr_functions() -> str:
    lines = ["def legalize(kind, old, new):"]
    for number, function in enumerate(_legalizers(), 1):
        lines.append(f"    if kind == U64({number}):\n        return {function.__name__}(old, new)")
    lines.append("    return new")
    new_value = ["def csr_new_value(op, old, src):"]
    for number, name in enumerate(("csrrw", "csrrs", "csrrc")):
        text = expand.expression(_body(name), {})
        new_value.append(f"    if op == U64({number}):\n        return {text}")
    new_value.append("    return old")
    amo = ["def amo_value(op, old, b):"]
    for insn in base():
        if insn.kind == "amo":
            text = expand.expression(_body(insn.name), {})
            amo.append(f"    if op == U64({operations()[insn.name]}):\n        return {text}")
    amo.append("    return old")
    return "\n\n".join(_jit("\n".join(lines)) for lines in (lines, new_value, amo))


def _body(name: str) -> Callable[..., object]:
    body = by_name(name).body
    assert body is not None
    return body


def _loop(variant: str) -> str:
    text = _part("loop")
    traced = variant == "traced"
    other = "# fast" if traced else "# traced"
    kept = [line for line in text.splitlines() if not line.endswith(other)]
    text = "\n".join(kept)

    head, _, tail = text.partition("        # DISPATCH\n")
    body = "\n".join(f"        {line}" for line in branches(operations(), traced))
    helpers, _, run = head.rpartition("def run(")
    helpers = helpers.replace("def ", _jit("def "))
    return f"{helpers}{_jit('def run(', _OUTER)}{run}{body}\n{tail}"
