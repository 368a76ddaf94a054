"""RV64I: integer computation, jumps, loads and stores, fences (unprivileged, ch. 2, 4)."""

from isa.bits import (
    add,
    and_,
    clear,
    eq,
    flag,
    ge_s,
    ge_u,
    lt_s,
    lt_u,
    ne,
    or_,
    sar,
    sext32,
    shl,
    shr,
    sub,
    xor,
    zext32,
)  # fmt: skip
from isa.spec import insn

_R = "{rd}, {rs1}, {rs2}"
_I = "{rd}, {rs1}, {imm}"
_SH = "{rd}, {rs1}, {shamt}"


@insn("alu", "lui", "imm[31:12] rd 0110111", "{rd}, {imm:hi20}")
def lui(imm: int) -> int:
    """Load the upper immediate. [2.4.1]"""
    return add(imm, 0)


@insn("alu", "auipc", "imm[31:12] rd 0010111", "{rd}, {imm:hi20}")
def auipc(pc: int, imm: int) -> int:
    """Add the upper immediate to pc. [2.4.1]"""
    return add(pc, imm)


@insn("alu", "add", "0000000 rs2 rs1 000 rd 0110011", _R)
@insn("alu", "addi", "imm[11:0] rs1 000 rd 0010011", _I)
def add_(a: int, b: int) -> int:
    """Sum modulo 2**64. [2.4]"""
    return add(a, b)


@insn("alu", "sub", "0100000 rs2 rs1 000 rd 0110011", _R)
def sub_(a: int, b: int) -> int:
    """Difference modulo 2**64. [2.4.2]"""
    return sub(a, b)


@insn("alu", "slt", "0000000 rs2 rs1 010 rd 0110011", _R)
@insn("alu", "slti", "imm[11:0] rs1 010 rd 0010011", _I)
def slt(a: int, b: int) -> int:
    """1 if a < b, signed; with rd = x0 the immediate form is a mark. [2.4]"""
    return flag(lt_s(a, b))


@insn("alu", "sltu", "0000000 rs2 rs1 011 rd 0110011", _R)
@insn("alu", "sltiu", "imm[11:0] rs1 011 rd 0010011", _I)
def sltu(a: int, b: int) -> int:
    """1 if a < b, unsigned. [2.4]"""
    return flag(lt_u(a, b))


@insn("alu", "xor", "0000000 rs2 rs1 100 rd 0110011", _R)
@insn("alu", "xori", "imm[11:0] rs1 100 rd 0010011", _I)
def xor_(a: int, b: int) -> int:
    """Bitwise exclusive or. [2.4]"""
    return xor(a, b)


@insn("alu", "or", "0000000 rs2 rs1 110 rd 0110011", _R)
@insn("alu", "ori", "imm[11:0] rs1 110 rd 0010011", _I)
def or__(a: int, b: int) -> int:
    """Bitwise or. [2.4]"""
    return or_(a, b)


@insn("alu", "and", "0000000 rs2 rs1 111 rd 0110011", _R)
@insn("alu", "andi", "imm[11:0] rs1 111 rd 0010011", _I)
def and__(a: int, b: int) -> int:
    """Bitwise and. [2.4]"""
    return and_(a, b)


@insn("alu", "sll", "0000000 rs2 rs1 001 rd 0110011", _R)
@insn("alu", "slli", "000000 shamt[5:0] rs1 001 rd 0010011", _SH)
def sll(a: int, b: int) -> int:
    """Shift left by b modulo 64. [2.4, 4.2]"""
    return shl(a, b)


@insn("alu", "srl", "0000000 rs2 rs1 101 rd 0110011", _R)
@insn("alu", "srli", "000000 shamt[5:0] rs1 101 rd 0010011", _SH)
def srl(a: int, b: int) -> int:
    """Shift right by b modulo 64, zeros coming in. [2.4, 4.2]"""
    return shr(a, b)


@insn("alu", "sra", "0100000 rs2 rs1 101 rd 0110011", _R)
@insn("alu", "srai", "010000 shamt[5:0] rs1 101 rd 0010011", _SH)
def sra(a: int, b: int) -> int:
    """Shift right by b modulo 64, sign bits coming in. [2.4, 4.2]"""
    return sar(a, b)


@insn("alu", "addw", "0000000 rs2 rs1 000 rd 0111011", _R)
@insn("alu", "addiw", "imm[11:0] rs1 000 rd 0011011", _I)
def addw(a: int, b: int) -> int:
    """32-bit sum, sign-extended. [4.2]"""
    return sext32(add(a, b))


@insn("alu", "subw", "0100000 rs2 rs1 000 rd 0111011", _R)
def subw(a: int, b: int) -> int:
    """32-bit difference, sign-extended. [4.2.2]"""
    return sext32(sub(a, b))


@insn("alu", "sllw", "0000000 rs2 rs1 001 rd 0111011", _R)
@insn("alu", "slliw", "0000000 shamt[4:0] rs1 001 rd 0011011", _SH)
def sllw(a: int, b: int) -> int:
    """32-bit shift left, sign-extended. [4.2]"""
    return sext32(shl(a, and_(b, 31)))


@insn("alu", "srlw", "0000000 rs2 rs1 101 rd 0111011", _R)
@insn("alu", "srliw", "0000000 shamt[4:0] rs1 101 rd 0011011", _SH)
def srlw(a: int, b: int) -> int:
    """32-bit shift right, zeros coming in, sign-extended. [4.2]"""
    return sext32(shr(zext32(a), and_(b, 31)))


@insn("alu", "sraw", "0100000 rs2 rs1 101 rd 0111011", _R)
@insn("alu", "sraiw", "0100000 shamt[4:0] rs1 101 rd 0011011", _SH)
def sraw(a: int, b: int) -> int:
    """32-bit shift right, sign bits coming in. [4.2]"""
    return sar(sext32(a), and_(b, 31))


_B = "{rs1}, {rs2}, {imm:pc}"


@insn("branch", "beq", "imm[12|10:5] rs2 rs1 000 imm[4:1|11] 1100011", _B)
def beq(a: int, b: int) -> bool:
    """Branch if equal. [2.5.2]"""
    return eq(a, b)


@insn("branch", "bne", "imm[12|10:5] rs2 rs1 001 imm[4:1|11] 1100011", _B)
def bne(a: int, b: int) -> bool:
    """Branch if not equal. [2.5.2]"""
    return ne(a, b)


@insn("branch", "blt", "imm[12|10:5] rs2 rs1 100 imm[4:1|11] 1100011", _B)
def blt(a: int, b: int) -> bool:
    """Branch if less, signed. [2.5.2]"""
    return lt_s(a, b)


@insn("branch", "bge", "imm[12|10:5] rs2 rs1 101 imm[4:1|11] 1100011", _B)
def bge(a: int, b: int) -> bool:
    """Branch if greater or equal, signed. [2.5.2]"""
    return ge_s(a, b)


@insn("branch", "bltu", "imm[12|10:5] rs2 rs1 110 imm[4:1|11] 1100011", _B)
def bltu(a: int, b: int) -> bool:
    """Branch if less, unsigned. [2.5.2]"""
    return lt_u(a, b)


@insn("branch", "bgeu", "imm[12|10:5] rs2 rs1 111 imm[4:1|11] 1100011", _B)
def bgeu(a: int, b: int) -> bool:
    """Branch if greater or equal, unsigned. [2.5.2]"""
    return ge_u(a, b)


@insn("jump", "jal", "imm[20|10:1|11|19:12] rd 1101111", "{rd}, {imm:pc}")
def jal(pc: int, imm: int) -> int:
    """Jump to pc + imm; rd = address of the next instruction. [2.5.1]"""
    return add(pc, imm)


@insn("jump", "jalr", "imm[11:0] rs1 000 rd 1100111", "{rd}, {imm}({rs1})")
def jalr(a: int, imm: int) -> int:
    """Jump to a + imm with bit 0 cleared; rd = address of the next instruction. [2.5.1]"""
    return clear(add(a, imm), 1)


_L = "{rd}, {imm}({rs1})"


@insn("load", "lb", "imm[11:0] rs1 000 rd 0000011", _L, width=1)
@insn("load", "lh", "imm[11:0] rs1 001 rd 0000011", _L, width=2)
@insn("load", "lw", "imm[11:0] rs1 010 rd 0000011", _L, width=4)
@insn("load", "ld", "imm[11:0] rs1 011 rd 0000011", _L, width=8)
@insn("load", "lbu", "imm[11:0] rs1 100 rd 0000011", _L, width=1, signed=False)
@insn("load", "lhu", "imm[11:0] rs1 101 rd 0000011", _L, width=2, signed=False)
@insn("load", "lwu", "imm[11:0] rs1 110 rd 0000011", _L, width=4, signed=False)
def load() -> None:
    """Load from rs1 + imm, sign- or zero-extended. [2.6, 4.3]"""


_S = "{rs2}, {imm}({rs1})"


@insn("store", "sb", "imm[11:5] rs2 rs1 000 imm[4:0] 0100011", _S, width=1)
@insn("store", "sh", "imm[11:5] rs2 rs1 001 imm[4:0] 0100011", _S, width=2)
@insn("store", "sw", "imm[11:5] rs2 rs1 010 imm[4:0] 0100011", _S, width=4)
@insn("store", "sd", "imm[11:5] rs2 rs1 011 imm[4:0] 0100011", _S, width=8)
def store() -> None:
    """Store the low bits of rs2 at rs1 + imm. [2.6, 4.3]"""


@insn("system", "fence", "fm pred succ rs1 000 rd 0001111", "{pred}, {succ}")
def fence() -> None:
    """Order memory accesses; nothing to do on this machine. [2.7]"""


@insn("system", "fence.i", "imm[11:0] rs1 001 rd 0001111", "")
def fence_i() -> None:
    """Order fetches after stores; nothing to do, fetch is coherent. [Zifencei]"""


@insn("system", "ecall", "000000000000 00000 000 00000 1110011", "")
def ecall() -> None:
    """Trap: environment call from the current mode. [2.8]"""


@insn("system", "ebreak", "000000000001 00000 000 00000 1110011", "")
def ebreak() -> None:
    """Trap: breakpoint. [2.8]"""
