"""Privileged instructions (privileged manual, 3.3 and 4.2)."""

from isa.spec import insn


@insn("system", "sret", "0001000 00010 00000 000 00000 1110011", "", privilege=1,
      sensitive="control")  # fmt: skip
def sret() -> None:
    """Return from a trap taken in S; TSR makes it trap in S. [3.3.2]"""


@insn("system", "mret", "0011000 00010 00000 000 00000 1110011", "", privilege=3,
      sensitive="control")  # fmt: skip
def mret() -> None:
    """Return from a trap taken in M. [3.3.2]"""


@insn("system", "wfi", "0001000 00101 00000 000 00000 1110011", "", privilege=1,
      sensitive="control")  # fmt: skip
def wfi() -> None:
    """Wait for an interrupt; TW makes it trap in S, U always traps. [3.3.3]"""


@insn("system", "sfence.vma", "0001001 rs2 rs1 000 00000 1110011", "{rs1}, {rs2}", privilege=1,
      sensitive="control")  # fmt: skip
def sfence_vma() -> None:
    """Order page-table writes before later translations; TVM makes it trap in S. [4.2.1]"""
