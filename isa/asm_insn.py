"""One instruction in assembly text to its word, by the table's syntax templates and the aliases."""

import re
from collections.abc import Mapping
from difflib import get_close_matches
from typing import NamedTuple

from isa.aliases import ALIASES
from isa.asm_expr import Scope, evaluate
from isa.csrs import BY_NAME
from isa.disasm import FIELD
from isa.encode import EncodeError, Mistake, encode
from isa.registers import NUMBERS
from isa.spec import Insn
from isa.table import instructions

_REGISTER = ("rd", "rs1", "rs2")
_BRACKET = re.compile(r"(.*)\(\s*([\w.$]+)\s*\)\s*", re.DOTALL)
_ORDER = re.compile(r"\.(aqrl|aq|rl)$")
_ORDER_BITS = {"aq": {"aq": 1}, "rl": {"rl": 1}, "aqrl": {"aq": 1, "rl": 1}}


class Form(NamedTuple):
    """One way to write an instruction: the real one, operand syntax, operands it fixes."""

    insn: Insn
    syntax: str
    fixed: Mapping[str, int]


def forms(mnemonic: str) -> list[Form]:
    """Every way to write `mnemonic`; empty if there is none."""
    found = [Form(i, i.syntax, {}) for i in instructions() if i.name == mnemonic]
    real = {i.name: i for i in instructions()}
    found += [
        Form(real[alias.real], alias.syntax, alias.fixed)
        for alias in ALIASES
        if alias.name == mnemonic and alias.real in real
    ]
    order = _ORDER.search(mnemonic)
    if order and not found:
        return [
            form._replace(fixed=_ORDER_BITS[order[1]])
            for form in forms(mnemonic[: order.start()])
            if "aq" in form.insn.operands
        ]
    return found


def size_of(mnemonic: str) -> int:
    """Bytes of an instruction.  Raises Mistake if there is none of this name."""
    found = forms(mnemonic)
    if not found:
        raise Mistake(f"{mnemonic} is not an instruction", _unknown_hint(mnemonic))
    return found[0].insn.bits // 8


def mnemonics() -> set[str]:
    """The names of all instructions and one-word pseudo-instructions."""
    return {i.name for i in instructions()} | {alias.name for alias in ALIASES}


def _unknown_hint(mnemonic: str) -> str:
    if re.fullmatch(r"f\w+(\.\w+)*\.[sd](\.\w+)?|fl[wd]|fs[wd]", mnemonic):
        return "this machine has no floating point"
    close = get_close_matches(mnemonic, sorted(mnemonics()), 3)
    return f"did you mean {' or '.join(close)}?" if close else "`simvirt isa` lists all of them"


def build(mnemonic: str, operands: tuple[str, ...], pc: int, scope: Scope) -> int:
    """The word of one instruction at `pc`.  Raises Mistake."""
    size_of(mnemonic)
    candidates = forms(mnemonic)
    errors: list[Mistake] = []
    for form in candidates:
        templates = form.syntax.split(", ") if form.syntax else []
        if len(templates) != len(operands):
            continue
        try:
            return _encode(form, templates, operands, pc, scope)
        except Mistake as error:
            errors.append(error)
    if not errors:
        raise Mistake(_count_problem(mnemonic, operands), _syntax_hint(mnemonic, candidates))
    raise errors[-1] if isinstance(errors[-1], EncodeError) else errors[0]


def _count_problem(mnemonic: str, operands: tuple[str, ...]) -> str:
    count = len(operands)
    return f"{mnemonic} does not take {count} operand{'' if count == 1 else 's'}"


def _syntax_hint(mnemonic: str, candidates: list[Form]) -> str:
    shown = dict.fromkeys(f"{mnemonic} {plain_syntax(form.syntax)}".strip() for form in candidates)
    return "write " + " or ".join(shown)


def plain_syntax(syntax: str) -> str:
    """A syntax template for a reader: ``rd, imm(rs1)``, branch targets as ``target``."""

    def plain(match: re.Match[str]) -> str:
        return {"pc": "target", "hi20": "imm20"}.get(match[2] or "", match[1])

    return FIELD.sub(plain, syntax)


def _encode(
    form: Form, templates: list[str], operands: tuple[str, ...], pc: int, scope: Scope
) -> int:
    values = dict(form.fixed)
    for template, text in zip(templates, operands, strict=True):
        _parse_operand(template, text, values, pc, scope)
    return encode(form.insn, values)


def _parse_operand(template: str, text: str, values: dict[str, int], pc: int, scope: Scope) -> None:
    """Match one operand with its template and store the values of the fields in it."""
    if template.endswith(")"):
        offset, _, inner = template[:-1].partition("(")
        match = _BRACKET.fullmatch(text)
        if match is None:
            raise Mistake(f"{text} is not {plain_syntax(template)}", "write it as 8(sp) or (a0)")
        _parse_operand(inner, match[2], values, pc, scope)
        _parse_offset(offset, match[1].strip(), values, pc, scope)
        return
    field = FIELD.fullmatch(template)
    if field is not None:
        values[field[1]] = _parse_field(field[1], field[2], text, pc, scope)
    elif NUMBERS.get(text) != NUMBERS[template]:
        raise Mistake(f"this operand is {template}, not {text}", f"write {template}")


def _parse_offset(template: str, text: str, values: dict[str, int], pc: int, scope: Scope) -> None:
    if template:
        _parse_operand(template, text or "0", values, pc, scope)
    elif text not in ("", "0"):
        raise Mistake(f"there is no offset here, not even {text}", "write the register only: (a0)")


def _parse_field(name: str, form: str | None, text: str, pc: int, scope: Scope) -> int:
    if name.rstrip("'") in _REGISTER:
        return _register(text)
    if name == "csr":
        return _csr(text, scope)
    if name in ("pred", "succ"):
        return _fence_set(text, scope)
    value = evaluate(text, scope).number
    if form == "pc":
        return value - pc
    return _upper(value) if form == "hi20" else value


def _register(text: str) -> int:
    if text in NUMBERS:
        return NUMBERS[text]
    raise Mistake(
        f"{text} is not a register", "registers are x0 to x31, zero ra sp gp tp t0-6 s0-11 a0-7"
    )


def _csr(text: str, scope: Scope) -> int:
    if text in BY_NAME:
        return BY_NAME[text].number
    try:
        return evaluate(text, scope).number
    except Mistake:
        close = get_close_matches(text, list(BY_NAME), 3)
        hint = f"did you mean {' or '.join(close)}?" if close else "write its name or number"
        raise Mistake(f"{text} is not a CSR", hint) from None


def _fence_set(text: str, scope: Scope) -> int:
    if re.fullmatch("i?o?r?w?", text):
        return sum(bit for letter, bit in zip("iorw", (8, 4, 2, 1), strict=True) if letter in text)
    if text.isdigit():
        return int(text)
    raise Mistake(f"{text} is not a set of accesses", "write letters of iorw in this order")


def _upper(value: int) -> int:
    """The 32-bit signed value of a 20-bit upper immediate."""
    if not -0x80000 <= value <= 0xFFFFF:
        raise EncodeError(f"the value {value:#x} does not fit", "it takes 0 to 0xfffff")
    return ((value & 0xFFFFF ^ 0x80000) - 0x80000) << 12
