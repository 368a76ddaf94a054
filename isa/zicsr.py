"""Zicsr: read-modify-write of CSRs (unprivileged, ch. 6).

``src`` is x[rs1] or the 5-bit immediate.  The set and clear forms do not write when the rs1
field is 0, and csrrw does not read when rd is 0; permission is checked for what is really done.
"""

from isa.bits import clear, or_
from isa.spec import insn

_REG = "{rd}, {csr}, {rs1}"
_IMM = "{rd}, {csr}, {uimm5}"


@insn("csr", "csrrw", "csr rs1 001 rd 1110011", _REG, sensitive="both")
@insn("csr", "csrrwi", "csr uimm5 101 rd 1110011", _IMM, sensitive="both")
def csrrw(old: int, src: int) -> int:
    """Write src; rd = old value. [6.1]"""
    return or_(src, 0)


@insn("csr", "csrrs", "csr rs1 010 rd 1110011", _REG, sensitive="both")
@insn("csr", "csrrsi", "csr uimm5 110 rd 1110011", _IMM, sensitive="both")
def csrrs(old: int, src: int) -> int:
    """Set the bits of src; rd = old value. [6.1]"""
    return or_(old, src)


@insn("csr", "csrrc", "csr rs1 011 rd 1110011", _REG, sensitive="both")
@insn("csr", "csrrci", "csr uimm5 111 rd 1110011", _IMM, sensitive="both")
def csrrc(old: int, src: int) -> int:
    """Clear the bits of src; rd = old value. [6.1]"""
    return clear(old, src)
