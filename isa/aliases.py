"""Pseudo-instructions that stand for exactly one instruction, said once for both directions.

An alias has a syntax of its own over the operands of the real instruction, and fixes the rest.
The assembler fills the fixed operands in; the disassembler shows the alias when they match.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from isa.csrs import BY_NAME


@dataclass(frozen=True)
class Alias:
    """`name syntax` stands for `real` with the operands `fixed`; shown=False: input only."""

    name: str
    syntax: str
    real: str
    fixed: Mapping[str, int] = field(default_factory=dict)
    shown: bool = True


_PC = "{imm:pc}"
_IORW = 15

_COUNTERS = tuple(
    Alias(f"rd{name}", "{rd}", "csrrs", {"csr": BY_NAME[name].number, "rs1": 0})
    for name in ("cycle", "time", "instret")
)

_BRANCHES = (
    Alias("beqz", "{rs1}, " + _PC, "beq", {"rs2": 0}),
    Alias("bnez", "{rs1}, " + _PC, "bne", {"rs2": 0}),
    Alias("bltz", "{rs1}, " + _PC, "blt", {"rs2": 0}),
    Alias("bgtz", "{rs2}, " + _PC, "blt", {"rs1": 0}),
    Alias("bgez", "{rs1}, " + _PC, "bge", {"rs2": 0}),
    Alias("blez", "{rs2}, " + _PC, "bge", {"rs1": 0}),
    Alias("bgt", "{rs2}, {rs1}, " + _PC, "blt", shown=False),
    Alias("ble", "{rs2}, {rs1}, " + _PC, "bge", shown=False),
    Alias("bgtu", "{rs2}, {rs1}, " + _PC, "bltu", shown=False),
    Alias("bleu", "{rs2}, {rs1}, " + _PC, "bgeu", shown=False),
)

_JUMPS = (
    Alias("j", _PC, "jal", {"rd": 0}),
    Alias("jal", _PC, "jal", {"rd": 1}),
    Alias("ret", "", "jalr", {"rd": 0, "rs1": 1, "imm": 0}),
    Alias("jr", "{rs1}", "jalr", {"rd": 0, "imm": 0}),
    Alias("jr", "{imm}({rs1})", "jalr", {"rd": 0}),
    Alias("jalr", "{rs1}", "jalr", {"rd": 1, "imm": 0}),
    Alias("jalr", "{imm}({rs1})", "jalr", {"rd": 1}, shown=False),
    Alias("jalr", "{rd}, {rs1}, {imm}", "jalr", shown=False),
    Alias("jalr", "{rd}, {rs1}", "jalr", {"imm": 0}, shown=False),
)

_VALUES = (
    Alias("nop", "", "addi", {"rd": 0, "rs1": 0, "imm": 0}),
    Alias("li", "{rd}, {imm}", "addi", {"rs1": 0}),  # the assembler takes any constant: asm_pseudo
    Alias("mv", "{rd}, {rs1}", "addi", {"imm": 0}),
    Alias("not", "{rd}, {rs1}", "xori", {"imm": -1}),
    Alias("neg", "{rd}, {rs2}", "sub", {"rs1": 0}),
    Alias("negw", "{rd}, {rs2}", "subw", {"rs1": 0}),
    Alias("sext.w", "{rd}, {rs1}", "addiw", {"imm": 0}),
    Alias("zext.b", "{rd}, {rs1}", "andi", {"imm": 255}),
    Alias("seqz", "{rd}, {rs1}", "sltiu", {"imm": 1}),
    Alias("snez", "{rd}, {rs2}", "sltu", {"rs1": 0}),
    Alias("sltz", "{rd}, {rs1}", "slt", {"rs2": 0}),
    Alias("sgtz", "{rd}, {rs2}", "slt", {"rs1": 0}),
    Alias("sgt", "{rd}, {rs2}, {rs1}", "slt", shown=False),
    Alias("sgtu", "{rd}, {rs2}, {rs1}", "sltu", shown=False),
)

# GNU assemblers accept the register form's name with an immediate.
_IMMEDIATE_FORMS = tuple(
    Alias(name, "{rd}, {rs1}, {imm}", real, shown=False)
    for name, real in (
        ("add", "addi"), ("addw", "addiw"), ("and", "andi"), ("or", "ori"), ("xor", "xori"),
        ("slt", "slti"), ("sltu", "sltiu"),
    )
) + tuple(
    Alias(name, "{rd}, {rs1}, {shamt}", f"{name[:3]}i{name[3:]}", shown=False)
    for name in ("sll", "srl", "sra", "sllw", "srlw", "sraw")
)  # fmt: skip

_CSR = (
    Alias("csrr", "{rd}, {csr}", "csrrs", {"rs1": 0}),
    Alias("csrw", "{csr}, {rs1}", "csrrw", {"rd": 0}),
    Alias("csrs", "{csr}, {rs1}", "csrrs", {"rd": 0}),
    Alias("csrc", "{csr}, {rs1}", "csrrc", {"rd": 0}),
    Alias("csrwi", "{csr}, {uimm5}", "csrrwi", {"rd": 0}),
    Alias("csrsi", "{csr}, {uimm5}", "csrrsi", {"rd": 0}),
    Alias("csrci", "{csr}, {uimm5}", "csrrci", {"rd": 0}),
    Alias("csrw", "{csr}, {uimm5}", "csrrwi", {"rd": 0}, shown=False),
    Alias("csrs", "{csr}, {uimm5}", "csrrsi", {"rd": 0}, shown=False),
    Alias("csrc", "{csr}, {uimm5}", "csrrci", {"rd": 0}, shown=False),
    Alias("csrrw", "{rd}, {csr}, {uimm5}", "csrrwi", shown=False),
    Alias("csrrs", "{rd}, {csr}, {uimm5}", "csrrsi", shown=False),
    Alias("csrrc", "{rd}, {csr}, {uimm5}", "csrrci", shown=False),
)

_FENCES = (
    Alias("fence.tso", "", "fence", {"fm": 8, "pred": 3, "succ": 3, "rs1": 0, "rd": 0}),
    Alias("fence", "", "fence", {"fm": 0, "pred": _IORW, "succ": _IORW, "rs1": 0, "rd": 0}),
    Alias("sfence.vma", "", "sfence.vma", {"rs1": 0, "rs2": 0}),
    Alias("sfence.vma", "{rs1}", "sfence.vma", {"rs2": 0}),
    Alias("c.nop", "", "c.nop", {"imm": 0}),
)

ALIASES: tuple[Alias, ...] = (
    _COUNTERS + _BRANCHES + _JUMPS + _VALUES + _IMMEDIATE_FORMS + _CSR + _FENCES
)
