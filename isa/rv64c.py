"""C: compressed instructions, each an expansion to a base instruction (unprivileged, ch. 26).

An operand named ``rd_p`` is the encoding's 3-bit field rd', that is x8 to x15.
"""

from isa.spec import Expansion, insn

_CI = "{rd}, {imm}"
_CL = "{rd'}, {uimm}({rs1'})"
_CS = "{rs2'}, {uimm}({rs1'})"
_CA = "{rd'}, {rs2'}"
_CSH = "{rd'}, {shamt}"


@insn("compressed", "c.addi4spn", "000 uimm[5:4|9:6|2|3] rd' 00", "{rd'}, sp, {uimm}",
      nonzero=("uimm",))  # fmt: skip
def c_addi4spn(rd_p: str, uimm: str) -> Expansion:
    """Address of a stack slot. [26.5.2]"""
    return Expansion("addi", rd=rd_p, rs1=2, imm=uimm)


@insn("compressed", "c.lw", "010 uimm[5:3] rs1' uimm[2|6] rd' 00", _CL)
def c_lw(rd_p: str, rs1_p: str, uimm: str) -> Expansion:
    """Load a word. [26.3.2]"""
    return Expansion("lw", rd=rd_p, rs1=rs1_p, imm=uimm)


@insn("compressed", "c.ld", "011 uimm[5:3] rs1' uimm[7:6] rd' 00", _CL)
def c_ld(rd_p: str, rs1_p: str, uimm: str) -> Expansion:
    """Load a doubleword. [26.3.2]"""
    return Expansion("ld", rd=rd_p, rs1=rs1_p, imm=uimm)


@insn("compressed", "c.sw", "110 uimm[5:3] rs1' uimm[2|6] rs2' 00", _CS)
def c_sw(rs1_p: str, rs2_p: str, uimm: str) -> Expansion:
    """Store a word. [26.3.2]"""
    return Expansion("sw", rs1=rs1_p, rs2=rs2_p, imm=uimm)


@insn("compressed", "c.sd", "111 uimm[5:3] rs1' uimm[7:6] rs2' 00", _CS)
def c_sd(rs1_p: str, rs2_p: str, uimm: str) -> Expansion:
    """Store a doubleword. [26.3.2]"""
    return Expansion("sd", rs1=rs1_p, rs2=rs2_p, imm=uimm)


@insn("compressed", "c.nop", "000 imm[5] 00000 imm[4:0] 01", "{imm}")
def c_nop(imm: str) -> Expansion:
    """Nothing; a nonzero immediate is a hint. [26.5.5]"""
    return Expansion("addi", imm=imm)


@insn("compressed", "c.addi", "000 imm[5] rd imm[4:0] 01", _CI, nonzero=("rd",))
def c_addi(rd: str, imm: str) -> Expansion:
    """Add an immediate. [26.5.2]"""
    return Expansion("addi", rd=rd, rs1=rd, imm=imm)


@insn("compressed", "c.addiw", "001 imm[5] rd imm[4:0] 01", _CI, nonzero=("rd",))
def c_addiw(rd: str, imm: str) -> Expansion:
    """Add an immediate, 32 bits. [26.5.2]"""
    return Expansion("addiw", rd=rd, rs1=rd, imm=imm)


@insn("compressed", "c.li", "010 imm[5] rd imm[4:0] 01", _CI)
def c_li(rd: str, imm: str) -> Expansion:
    """Load an immediate. [26.5.1]"""
    return Expansion("addi", rd=rd, imm=imm)


@insn("compressed", "c.addi16sp", "011 imm[9] 00010 imm[4|6|8:7|5] 01", "sp, {imm}",
      nonzero=("imm",))  # fmt: skip
def c_addi16sp(imm: str) -> Expansion:
    """Move the stack pointer. [26.5.2]"""
    return Expansion("addi", rd=2, rs1=2, imm=imm)


@insn("compressed", "c.lui", "011 imm[17] rd imm[16:12] 01", "{rd}, {imm:hi20}", nonzero=("imm",),
      excluded=(("rd", 2),))  # fmt: skip
def c_lui(rd: str, imm: str) -> Expansion:
    """Load an upper immediate. [26.5.1]"""
    return Expansion("lui", rd=rd, imm=imm)


@insn("compressed", "c.srli", "100 shamt[5] 00 rd' shamt[4:0] 01", _CSH)
def c_srli(rd_p: str, shamt: str) -> Expansion:
    """Shift right, zeros coming in. [26.5.2]"""
    return Expansion("srli", rd=rd_p, rs1=rd_p, imm=shamt)


@insn("compressed", "c.srai", "100 shamt[5] 01 rd' shamt[4:0] 01", _CSH)
def c_srai(rd_p: str, shamt: str) -> Expansion:
    """Shift right, sign bits coming in. [26.5.2]"""
    return Expansion("srai", rd=rd_p, rs1=rd_p, imm=shamt)


@insn("compressed", "c.andi", "100 imm[5] 10 rd' imm[4:0] 01", "{rd'}, {imm}")
def c_andi(rd_p: str, imm: str) -> Expansion:
    """And with an immediate. [26.5.2]"""
    return Expansion("andi", rd=rd_p, rs1=rd_p, imm=imm)


@insn("compressed", "c.sub", "100 0 11 rd' 00 rs2' 01", _CA)
def c_sub(rd_p: str, rs2_p: str) -> Expansion:
    """Difference. [26.5.3]"""
    return Expansion("sub", rd=rd_p, rs1=rd_p, rs2=rs2_p)


@insn("compressed", "c.xor", "100 0 11 rd' 01 rs2' 01", _CA)
def c_xor(rd_p: str, rs2_p: str) -> Expansion:
    """Exclusive or. [26.5.3]"""
    return Expansion("xor", rd=rd_p, rs1=rd_p, rs2=rs2_p)


@insn("compressed", "c.or", "100 0 11 rd' 10 rs2' 01", _CA)
def c_or(rd_p: str, rs2_p: str) -> Expansion:
    """Or. [26.5.3]"""
    return Expansion("or", rd=rd_p, rs1=rd_p, rs2=rs2_p)


@insn("compressed", "c.and", "100 0 11 rd' 11 rs2' 01", _CA)
def c_and(rd_p: str, rs2_p: str) -> Expansion:
    """And. [26.5.3]"""
    return Expansion("and", rd=rd_p, rs1=rd_p, rs2=rs2_p)


@insn("compressed", "c.subw", "100 1 11 rd' 00 rs2' 01", _CA)
def c_subw(rd_p: str, rs2_p: str) -> Expansion:
    """32-bit difference. [26.5.3]"""
    return Expansion("subw", rd=rd_p, rs1=rd_p, rs2=rs2_p)


@insn("compressed", "c.addw", "100 1 11 rd' 01 rs2' 01", _CA)
def c_addw(rd_p: str, rs2_p: str) -> Expansion:
    """32-bit sum. [26.5.3]"""
    return Expansion("addw", rd=rd_p, rs1=rd_p, rs2=rs2_p)


@insn("compressed", "c.j", "101 imm[11|4|9:8|10|6|7|3:1|5] 01", "{imm:pc}")
def c_j(imm: str) -> Expansion:
    """Jump. [26.4]"""
    return Expansion("jal", rd=0, imm=imm)


@insn("compressed", "c.beqz", "110 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", "{rs1'}, {imm:pc}")
def c_beqz(rs1_p: str, imm: str) -> Expansion:
    """Branch if zero. [26.4]"""
    return Expansion("beq", rs1=rs1_p, imm=imm)


@insn("compressed", "c.bnez", "111 imm[8|4:3] rs1' imm[7:6|2:1|5] 01", "{rs1'}, {imm:pc}")
def c_bnez(rs1_p: str, imm: str) -> Expansion:
    """Branch if not zero. [26.4]"""
    return Expansion("bne", rs1=rs1_p, imm=imm)


@insn("compressed", "c.slli", "000 shamt[5] rd shamt[4:0] 10", "{rd}, {shamt}")
def c_slli(rd: str, shamt: str) -> Expansion:
    """Shift left. [26.5.2]"""
    return Expansion("slli", rd=rd, rs1=rd, imm=shamt)


@insn("compressed", "c.lwsp", "010 uimm[5] rd uimm[4:2|7:6] 10", "{rd}, {uimm}(sp)",
      nonzero=("rd",))  # fmt: skip
def c_lwsp(rd: str, uimm: str) -> Expansion:
    """Load a word from the stack. [26.3.1]"""
    return Expansion("lw", rd=rd, rs1=2, imm=uimm)


@insn("compressed", "c.ldsp", "011 uimm[5] rd uimm[4:3|8:6] 10", "{rd}, {uimm}(sp)",
      nonzero=("rd",))  # fmt: skip
def c_ldsp(rd: str, uimm: str) -> Expansion:
    """Load a doubleword from the stack. [26.3.1]"""
    return Expansion("ld", rd=rd, rs1=2, imm=uimm)


@insn("compressed", "c.jr", "100 0 rs1 00000 10", "{rs1}", nonzero=("rs1",))
def c_jr(rs1: str) -> Expansion:
    """Jump to a register. [26.4]"""
    return Expansion("jalr", rd=0, rs1=rs1)


@insn("compressed", "c.mv", "100 0 rd rs2 10", "{rd}, {rs2}", nonzero=("rs2",))
def c_mv(rd: str, rs2: str) -> Expansion:
    """Copy a register. [26.5.3]"""
    return Expansion("add", rd=rd, rs2=rs2)


@insn("compressed", "c.ebreak", "100 1 00000 00000 10", "")
def c_ebreak() -> Expansion:
    """Breakpoint. [26.5.7]"""
    return Expansion("ebreak")


@insn("compressed", "c.jalr", "100 1 rs1 00000 10", "{rs1}", nonzero=("rs1",))
def c_jalr(rs1: str) -> Expansion:
    """Call a register. [26.4]"""
    return Expansion("jalr", rd=1, rs1=rs1)


@insn("compressed", "c.add", "100 1 rd rs2 10", "{rd}, {rs2}", nonzero=("rs2",))
def c_add(rd: str, rs2: str) -> Expansion:
    """Add. [26.5.3]"""
    return Expansion("add", rd=rd, rs1=rd, rs2=rs2)


@insn("compressed", "c.swsp", "110 uimm[5:2|7:6] rs2 10", "{rs2}, {uimm}(sp)")
def c_swsp(rs2: str, uimm: str) -> Expansion:
    """Store a word on the stack. [26.3.1]"""
    return Expansion("sw", rs1=2, rs2=rs2, imm=uimm)


@insn("compressed", "c.sdsp", "111 uimm[5:3|8:6] rs2 10", "{rs2}, {uimm}(sp)")
def c_sdsp(rs2: str, uimm: str) -> Expansion:
    """Store a doubleword on the stack. [26.3.1]"""
    return Expansion("sd", rs1=2, rs2=rs2, imm=uimm)
