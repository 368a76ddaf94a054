"""Trap causes, interrupt numbers and privilege modes (privileged manual, 3.1.15 and 1.2)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """One exception code or interrupt number: what xcause holds, and words for a reader."""

    code: int
    name: str
    words: str


PRIV_U, PRIV_S, PRIV_M = 0, 1, 3
PRIV_NAMES = {PRIV_U: "U", PRIV_S: "S", PRIV_M: "M"}
INTERRUPT = 1 << 63

EXCEPTIONS = (
    Cause(0, "INSN_MISALIGNED", "instruction address misaligned"),
    Cause(1, "INSN_ACCESS_FAULT", "instruction access fault"),
    Cause(2, "ILLEGAL_INSN", "illegal instruction"),
    Cause(3, "BREAKPOINT", "breakpoint"),
    Cause(4, "LOAD_MISALIGNED", "load address misaligned"),
    Cause(5, "LOAD_ACCESS_FAULT", "load access fault"),
    Cause(6, "STORE_MISALIGNED", "store/AMO address misaligned"),
    Cause(7, "STORE_ACCESS_FAULT", "store/AMO access fault"),
    Cause(8, "ECALL_U", "environment call from U-mode"),
    Cause(9, "ECALL_S", "environment call from S-mode"),
    Cause(11, "ECALL_M", "environment call from M-mode"),
    Cause(12, "INSN_PAGE_FAULT", "instruction page fault"),
    Cause(13, "LOAD_PAGE_FAULT", "load page fault"),
    Cause(15, "STORE_PAGE_FAULT", "store/AMO page fault"),
)

INTERRUPTS = (
    Cause(1, "S_SOFT", "supervisor software interrupt"),
    Cause(3, "M_SOFT", "machine software interrupt"),
    Cause(5, "S_TIMER", "supervisor timer interrupt"),
    Cause(7, "M_TIMER", "machine timer interrupt"),
    Cause(9, "S_EXT", "supervisor external interrupt"),
    Cause(11, "M_EXT", "machine external interrupt"),
)

CAUSE = {cause.name: cause.code for cause in EXCEPTIONS}
IRQ = {cause.name: cause.code for cause in INTERRUPTS}


def describe(xcause: int) -> str:
    """The cause in words for a value of mcause or scause (64 bits, top bit: interrupt)."""
    table = INTERRUPTS if xcause & INTERRUPT else EXCEPTIONS
    code = xcause & ~INTERRUPT
    kind = "interrupt" if xcause & INTERRUPT else "exception"
    return next((c.words for c in table if c.code == code), f"{kind} {code}")
