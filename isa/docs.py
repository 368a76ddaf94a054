"""Reference pages, the index and the two-page card, all read off the tables of this package."""

import inspect
import sys
import textwrap
from collections.abc import Iterator
from difflib import get_close_matches

from isa import asm_pseudo, sensitivity
from isa import choices as choice_table
from isa.aliases import ALIASES, Alias
from isa.asm_insn import plain_syntax
from isa.card import card
from isa.causes import PRIV_NAMES
from isa.csrs import BY_NAME, CSRS, Csr, Field, alike
from isa.registers import NAMES
from isa.spec import Insn, token_width
from isa.table import instructions, modules

__all__ = ["card", "choices", "index", "page"]

WIDTH = 100
_KINDS = {
    "plain": "storage of its own",
    "view": "some bits of {}",
    "counter": "computed from the machine's counters",
    "constant": "always reads the same",
    "selected": "one for each trigger; {} chooses",
}


def page(name: str) -> str:
    """The reference page of an instruction, pseudo-instruction or CSR.

    Raises KeyError, with the nearest names, if there is none.
    """
    name = name.lower()
    insn = next((i for i in instructions() if i.name == name), None)
    if insn is not None:
        return "\n".join(_insn_page(insn)) + "\n"
    if name in BY_NAME:
        return "\n".join(_csr_page(BY_NAME[name])) + "\n"
    if name in asm_pseudo.NAMES:
        return asm_pseudo.explain(name)
    alias = next((alias for alias in ALIASES if alias.name == name), None)
    if alias is not None:
        usage = f"{name} {plain_syntax(alias.syntax)}".rstrip()
        return f"{usage}\n    a pseudo-instruction, a form of:\n\n{page(alias.real)}"
    raise KeyError(f"there is no instruction or CSR {name}: {_nearest(name)}")


def _nearest(name: str) -> str:
    names = [i.name for i in instructions()] + list(BY_NAME) + [a.name for a in ALIASES]
    close = get_close_matches(name, sorted({*names, *asm_pseudo.NAMES}), 4)
    return f"the nearest are {', '.join(close)}" if close else "`simvirt isa` lists all names"


def index() -> str:
    """Every instruction, grouped by extension, then the CSRs, one line each."""
    lines: list[str] = []
    for module in modules():
        lines += [_module_title(module), ""]
        lines += [_index_line(i) for i in instructions() if i.module == module] + [""]
    lines += ["CSRs", ""]
    lines += [f"  {c.number:#05x}  {c.name:<15} {c.doc}" for c in CSRS if not _numbered_copy(c)]
    return "\n".join(lines) + "\n"


def choices() -> str:
    """What the manuals leave open, and what this machine does."""
    return choice_table.text()


# ---- instructions ------------------------------------------------------------------------------


def diagram(insn: Insn) -> list[str]:
    """The encoding as a box: bit numbers, fields, widths."""
    top = insn.bits
    numbers, middle, widths = [], [], []
    for token in insn.pattern.split():
        width = token_width(token)
        high, low = top - 1, top - width
        top = low
        marks = f"{high} {low}" if width > 1 else f"{high}"
        cell = max(len(token), len(marks)) + 2
        spread = f"{high}{low:>{cell - 2 - len(str(high))}}" if width > 1 else marks
        numbers.append(f"{spread:^{cell}}")
        middle.append(f"{token:^{cell}}")
        widths.append(f"{width:^{cell}}")
    rule = "+" + "+".join("-" * len(cell) for cell in middle) + "+"
    boxes = "|" + "|".join(middle) + "|"
    lines = [" " + " ".join(numbers), rule, boxes, rule, " " + " ".join(widths)]
    return [line.rstrip() for line in lines]


def _insn_page(insn: Insn) -> Iterator[str]:
    yield f"{insn.name} {plain_syntax(insn.syntax)}".rstrip()
    yield f"    {insn.doc}"
    yield ""
    yield from diagram(insn)
    yield ""
    yield from _excluded(insn)
    yield from _does(insn)
    yield from _facts(insn)
    yield from _also_written(insn)


def _excluded(insn: Insn) -> Iterator[str]:
    for name in insn.nonzero:
        yield f"Not with {name} = 0: that encoding is another instruction, or reserved."
    for name, value in insn.excluded:
        yield f"Not with {name} = {NAMES[value]}: that encoding is another instruction."


def _does(insn: Insn) -> Iterator[str]:
    """What it does: an expansion, the semantic function's source, or the access."""
    if insn.expansion is not None:
        yield f"Stands for: {expansion_text(insn)}"
    elif insn.body is not None:
        yield f"Semantics ({_arguments(insn)}):"
        yield from (f"    {line}" for line in body_source(insn))
    elif insn.width:
        sign = "" if insn.signed or insn.kind == "store" else ", zero-extended"
        yield f"Access: {insn.width} byte{'s' if insn.width > 1 else ''}{sign}"
    else:
        return
    yield ""


def _arguments(insn: Insn) -> str:
    if insn.kind == "amo":
        return "old is the value in memory, b is x[rs2]; the result is stored, rd takes old"
    if insn.kind == "csr":
        source = "the 5-bit immediate" if "uimm5" in insn.operands else "x[rs1]"
        return f"old is the CSR's value, src is {source}"
    second = "x[rs2]" if "rs2" in insn.operands else "the immediate"
    return f"a is x[rs1], b is {second}" if "rs1" in insn.operands else "imm is the immediate"


def body_source(insn: Insn) -> list[str]:
    """Source lines of the semantic function without its decorators."""
    if insn.body is None:
        return []
    try:
        lines = textwrap.dedent(inspect.getsource(insn.body)).splitlines()
    except OSError:  # defined where no file is: an interactive session
        return ["(its source is not in a file)"]
    start = next(i for i, line in enumerate(lines) if line.startswith("def "))
    return lines[start:]


def expansion_text(insn: Insn) -> str:
    """The base instruction that a compressed one stands for, with its operands."""
    to = insn.expansion
    if to is None:
        return insn.name
    base = next(i for i in instructions() if i.name == to.insn)
    text = plain_syntax(base.syntax)
    for name, value in (("rd", to.rd), ("rs1", to.rs1), ("rs2", to.rs2)):
        shown = value if isinstance(value, str) else NAMES[value]
        text = text.replace(name, f"\0{shown}")
    for name in ("imm20", "imm", "shamt"):
        text = text.replace(name, f"\0{to.imm}")
    text = text.replace("\0", "")
    return f"{base.name} {text}".rstrip()


def _facts(insn: Insn) -> Iterator[str]:
    row = sensitivity.insn_row(insn)
    modes = " ".join(name for mode, name in PRIV_NAMES.items() if mode >= insn.privilege)
    below = "; below: illegal instruction" if insn.privilege else ""
    yield f"Modes: {modes}{below}"
    nature = row.note if insn.kind == "csr" else row.sensitive or "no (innocuous)"
    yield f"Sensitive (Popek and Goldberg): {nature}; in U it {row.in_user}"
    yield f"Extension: {_module_title(insn.module)}"
    yield f"Manual: {insn.section or 'not said'}"


def _also_written(insn: Insn) -> Iterator[str]:
    for alias in ALIASES:
        if alias.real == insn.name:
            usage = f"{alias.name} {plain_syntax(alias.syntax)}".rstrip()
            yield f"Also written: {usage:<26} {_fixed(alias)}".rstrip()


def _fixed(alias: Alias) -> str:
    """The operands that a pseudo-instruction fixes."""
    shown = [
        f"{name} = {NAMES[value] if name in ('rd', 'rs1', 'rs2') else value}"
        for name, value in alias.fixed.items()
    ]
    return f"({', '.join(shown)})" if shown else ""


def _module_title(module: str) -> str:
    doc = getattr(sys.modules.get(module), "__doc__", None) or module or "others"
    return str(doc).strip().splitlines()[0].rstrip(".")


def _index_line(insn: Insn) -> str:
    usage = f"{insn.name} {plain_syntax(insn.syntax)}".rstrip()
    return f"  {usage:<28} {textwrap.shorten(insn.doc, WIDTH - 31, placeholder=' ...')}"


# ---- CSRs --------------------------------------------------------------------------------------


def _csr_page(csr: Csr) -> Iterator[str]:
    access = (
        "read only" if csr.read_only else "read and write" if csr.writable else "writes ignored"
    )
    yield f"{csr.name}  CSR {csr.number:#05x}"
    yield f"    {csr.doc}"
    yield ""
    yield f"Access: {access}, from {PRIV_NAMES[csr.privilege]} up"
    yield f"Kind: {_KINDS[csr.kind].format(csr.view_of)}"
    if csr.kind in ("plain", "constant"):
        yield f"Reset: {csr.reset:#x}"
    if csr.fields:
        yield from ["", "Fields:", *(_field_line(item) for item in _by_bit(csr))]
    if csr.legalize is not None:
        doc = (csr.legalize.__doc__ or "").strip()
        yield from ["", f"Rule for writes: {doc}", *_source_of_rule(csr)]
    row = sensitivity.csr_row(csr)
    yield from [
        "",
        f"Sensitive (Popek and Goldberg): {row.sensitive}; in U it is {_USER[row.in_user]}",
    ]
    if row.note:
        yield f"    {row.note}"
    yield f"Manual: {csr.section}"


_USER = {"traps": "an illegal instruction", "gated": "gated", "runs": "accessible"}


def _by_bit(csr: Csr) -> list[Field]:
    return sorted(csr.fields, key=lambda item: -item.high)


def _field_line(item: Field) -> str:
    bits = f"{item.high}:{item.low}" if item.high != item.low else f"{item.high}"
    return f"    {bits:<6} {item.name:<10} {item.access}  {item.doc}"


def _source_of_rule(csr: Csr) -> list[str]:
    if csr.legalize is None:
        return []
    return [f"    {line}" for line in inspect.getsource(csr.legalize).splitlines()]


def _numbered_copy(csr: Csr) -> bool:
    """Is it one of many alike (pmpaddr1, hpmcounter4), listed once by the first?"""
    return alike(csr)[0] is not csr
