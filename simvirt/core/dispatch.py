"""The branches of the interpreter's loop, one for each base instruction of the table."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable

from isa.spec import Insn
from isa.table import base
from simvirt.core import expand

# taken from the decoded word where they are used, so that nothing is computed in vain
_OPERANDS = {
    "pc": "pc = (at << U1) + delta",
    "rd": "rd = (d >> U8) & U63",
    "rs1": "rs1 = (d >> U16) & U64(31)",
    "a": "a = hart[(d >> U16) & U64(31)]",
    "b": "b = hart[(d >> U64(21)) & U64(31)]",
    "imm": "imm = U64(I64(d) >> I64(32))",
}
_EXTEND = {
    (1, True): "U64(I64(I8({})))", (2, True): "U64(I64(I16({})))", (4, True): "U64(I64(I32({})))",
}  # fmt: skip
_SHIFT = {1: "", 2: " >> U1", 4: " >> U2", 8: " >> U3"}
_NARROW = {1: "U8T({})", 2: "U16T({})", 4: "U32T({})", 8: "{}"}


# first in the ladder: LLVM makes a table of its first part, and another of the rest
_FREQUENT = ("alu", "branch", "jump", "load", "store")


def branches(operations: dict[str, int], traced: bool) -> list[str]:
    """Source lines of the if/elif ladder on `op` (LLVM makes a jump table of it)."""
    lines: list[str] = []
    for insn in sorted(base(), key=lambda insn: insn.kind not in _FREQUENT):
        lines.append(f"elif op == {operations[insn.name]}:  # {insn.name}")
        body = [t for t in _BRANCH[insn.kind](insn, operations) if traced or "# traced" not in t]
        lines += [f"    {line}" for line in (*_operands(body), *body)]
    return lines


def _operands(body: list[str]) -> list[str]:
    """What the body uses of the decoded word."""
    used = set(re.findall(r"\w+", "\n".join(body)))
    return [text for name, text in _OPERANDS.items() if name in used]


def _bound(insn: Insn) -> str:
    """The body as an expression over the loop's variables."""
    assert insn.body is not None
    has_rs2 = "rs2" in insn.operands
    second = "b" if has_rs2 else "imm"
    parameters = inspect.signature(insn.body).parameters
    names = {"a": "a", "b": second, "imm": "imm", "pc": "pc"}
    unknown = set(parameters) - set(names)
    if unknown:
        raise TypeError(f"{insn.name}: unknown parameter {unknown}; known are {', '.join(names)}")
    return expand.expression(insn.body, {name: names[name] for name in parameters})


def _alu(insn: Insn, _: dict[str, int]) -> list[str]:
    return [f"hart[rd] = {_bound(insn)}"]


def _branch(insn: Insn, _: dict[str, int]) -> list[str]:
    return [f"if {_bound(insn)}:", "    following = (pc + imm - delta) >> U1"]


def _jump(insn: Insn, _: dict[str, int]) -> list[str]:
    link = "hart[rd] = (following << U1) + delta"
    return [f"target = {_bound(insn)}", link, "following = (target - delta) >> U1"]


def _extended(insn: Insn, text: str) -> str:
    return _EXTEND.get((insn.width, insn.signed), "U64({})").format(text)


_SYNC = "hart[H_PC] = pc; mach[M_T] = t"
_RETURN = "following = (hart[H_PC] - delta) >> U1"
_GIVE_UP = ["    work[W_LIMIT] = U0", "    continue"]


def _load(insn: Insn, _: dict[str, int]) -> list[str]:
    width = insn.width
    aligned = "" if width == 1 else f" and va & U{width - 1} == U0"
    ram = f"ram{8 * width}[(va + cache[U64(L_LOAD_ADD) + i]){_SHIFT[width]}]"
    return [
        "va = a + imm",
        "i = (va >> U12) & U64(DTLB_ENTRIES - 1)",
        f"if cache[U64(L_LOAD_TAG) + i] == (va & PAGE_MASK) | work[W_DATA_CONTEXT]{aligned}:",
        f"    hart[rd] = {_extended(insn, ram)}",
        "else:",
        f"    {_SYNC}",
        f"    if not load_slow(m, va, U{width}):",
        *(f"    {line}" for line in _GIVE_UP),
        f"    hart[rd] = {_extended(insn, 'work[W_VALUE]')}",
        f"{_SYNC}  # traced",
        f"emit(m, K_LOAD, U{width}, U0, va, hart[rd], U0)  # traced",
    ]


def _store(insn: Insn, _: dict[str, int]) -> list[str]:
    width = insn.width
    aligned = "" if width == 1 else f" and va & U{width - 1} == U0"
    return [
        "va = a + imm",
        "i = (va >> U12) & U64(DTLB_ENTRIES - 1)",
        "offset = va + cache[U64(L_STORE_ADD) + i]",
        f"hit = cache[U64(L_STORE_TAG) + i] == (va & PAGE_MASK) | work[W_DATA_CONTEXT]{aligned}",
        "if hit and flags[offset >> U12] == 0:",
        f"    ram{8 * width}[offset{_SHIFT[width]}] = {_NARROW[width].format('b')}",
        "else:",
        f"    {_SYNC}",
        f"    if not store_slow(m, va, U{width}, b):",
        *(f"    {line}" for line in _GIVE_UP),
        f"{_SYNC}  # traced",
        f"emit(m, K_STORE, U{width}, U0, va, b, U0)  # traced",
    ]


def _lr(insn: Insn, _: dict[str, int]) -> list[str]:
    return [
        _SYNC,
        f"if not load_reserved(m, a, U{insn.width}):",
        *_GIVE_UP,
        f"hart[rd] = {_extended(insn, 'work[W_VALUE]')}",
        f"emit(m, K_LOAD, U{insn.width}, U0, a, hart[rd], U0)  # traced",
    ]


def _sc(insn: Insn, _: dict[str, int]) -> list[str]:
    return [
        _SYNC,
        f"if not store_conditional(m, a, U{insn.width}, b):",
        *_GIVE_UP,
        "hart[rd] = work[W_VALUE]",
        f"emit(m, K_STORE, U{insn.width}, U0, a, b, U0)  # traced",
    ]


def _amo(insn: Insn, operations: dict[str, int]) -> list[str]:
    operand = "b" if insn.width == 8 else "U64(I64(I32(b)))"
    return [
        _SYNC,
        f"if not amo_address(m, a, U{insn.width}):",
        *_GIVE_UP,
        "offset = work[W_OFFSET]",
        f"old = {_extended(insn, f'read_ram(m, offset, U{insn.width})')}",
        f"value = amo_value(U64({operations[insn.name]}), old, {operand})",
        f"write_ram(m, offset, U{insn.width}, value)",
        "hart[rd] = old",
        f"emit(m, K_STORE, U{insn.width}, U0, a, value, U0)  # traced",
    ]


def _csr(insn: Insn, _: dict[str, int]) -> list[str]:
    source = "rs1" if insn.name.endswith("i") else "a"
    number = ("csrrw", "csrrs", "csrrc").index(insn.name.removesuffix("i"))
    return [
        _SYNC,
        f"code = csr_instruction(m, U{number}, rd, rs1, {source}, imm & U64(0xFFF))",
        *_checked(),
    ]


def _checked() -> list[str]:
    return [
        "if code == U0:",
        "    illegal(m, pc)",
        "    work[W_LIMIT] = U0",
        "    continue",
        "if code != U1:",
        "    work[W_LIMIT] = U0",
    ]


_SYSTEM: dict[str, list[str]] = {
    "fence": ["pass"],
    "fence.i": ["pass"],
    "ecall": [_SYNC, "fail(m, U8 + hart[H_PRIV] + U1, U0)", "work[W_LIMIT] = U0", "continue"],
    "ebreak": [_SYNC, "fail(m, U4, pc)", "work[W_LIMIT] = U0", "continue"],
    "mret": [_SYNC, "code = mret_instruction(m)", *_checked(), _RETURN],
    "sret": [_SYNC, "code = sret_instruction(m)", *_checked(), _RETURN],
    "wfi": [_SYNC, "code = wfi_instruction(m)", *_checked()],
    "sfence.vma": [_SYNC, "code = sfence_instruction(m, rs1, (d >> U64(21)) & U64(31), a, b)",
                   *_checked()],
}  # fmt: skip


def _system(insn: Insn, _: dict[str, int]) -> list[str]:
    return _SYSTEM[insn.name]


_BRANCH: dict[str, Callable[[Insn, dict[str, int]], list[str]]] = {
    "alu": _alu, "branch": _branch, "jump": _jump, "load": _load, "store": _store, "lr": _lr,
    "sc": _sc, "amo": _amo, "csr": _csr, "system": _system,
}  # fmt: skip
