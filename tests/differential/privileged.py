"""Cases of modes, CSRs, traps and interrupts."""

from __future__ import annotations

from tests.oracle import csr as csrs
from tests.oracle.csr import NUMBER

from . import asm
from .builder import Builder
from .case import Case
from .layout import CODE, DATA, HANDLER, NO_RAM, PAGE
from .values import access, alu, compressed

U, S, M = 0, 1, 3
OPEN = {"pmpaddr0": (1 << 54) - 1, "pmpcfg0": 0x1F}  # entry 0 permits everything
_FAR = (0, (1 << 64) - 1, 1 << 62)  # times that have come, or never will
STATUS_BITS = (1, 3, 5, 7, 8, 17, 18, 19, 20, 21, 22)

_M_NAMES = (
    "mstatus medeleg mideleg mie mip mtvec mscratch mepc mcause mtval mcounteren menvcfg misa "
    "mcountinhibit mhartid mvendorid mconfigptr satp pmpcfg0 pmpaddr0 pmpaddr3 pmpaddr7 stimecmp "
    "mhpmcounter3 mhpmevent4 pmpcfg2 pmpaddr9 pmpaddr40 mcycle minstret"
).split()
_S_NAMES = (
    "sstatus sie stvec scounteren senvcfg sscratch sepc scause stval sip stimecmp sscratch "
    "sstatus sip sie satp"
).split()
_INTERRUPT_NAMES = (
    "mie mip mideleg stimecmp sie sip mstatus sstatus sie sip mstatus sstatus"
).split()
_U_NAMES = ("cycle", "time", "instret", "hpmcounter3", "hpmcounter31")


def status_bits(b: Builder, allowed: tuple[int, ...] = STATUS_BITS) -> int:
    """A random combination of mstatus bits and a legal MPP."""
    value = b.rng.choice((0, 1, 3)) << csrs.M_BITS
    return value | sum(1 << bit for bit in allowed if b.rng.random() < 0.4)


def enter(b: Builder, priv: int) -> None:
    """Start the program in ``priv``; MPRV and MIE stay clear until the program sets them."""
    bits = tuple(bit for bit in STATUS_BITS if bit not in (3, 17))
    b.csr["mstatus"] = status_bits(b, bits) & ~csrs.MPP | priv << csrs.M_BITS
    b.csr.update(OPEN)
    b.csr["stvec"] = HANDLER


def csr_value(b: Builder, name: str) -> int:
    """A value worth writing to a CSR: mostly legal, sometimes anything."""
    rng = b.rng
    if rng.random() < 0.08:
        return b.value()
    if name in ("mstatus", "sstatus"):
        return status_bits(b)
    if name in ("mie", "mip", "sie", "sip", "mideleg"):
        kept = csrs.S_INTERRUPTS if name == "mideleg" else csrs.ALL_INTERRUPTS
        return rng.getrandbits(12) & kept
    if name == "medeleg":
        return rng.getrandbits(16) & csrs.MEDELEG
    if name in ("mcounteren", "scounteren"):
        return rng.getrandbits(3)
    if name in ("menvcfg", "senvcfg"):
        return rng.getrandbits(1) | (rng.getrandbits(1) << 63 if name == "menvcfg" else 0)
    if name == "stimecmp":
        return rng.choice(_FAR)
    if name in ("mtvec", "stvec"):
        return HANDLER | rng.randrange(2) | rng.randrange(64) << 2
    if name in ("mepc", "sepc"):
        return CODE + rng.randrange(0, 64, 2)
    if name == "satp":
        return rng.choice((0, 8)) << 60 | rng.getrandbits(8) << 44 | rng.getrandbits(30)
    if name.startswith("pmpaddr"):
        return rng.getrandbits(54)
    if name == "pmpcfg0":
        entries = (rng.choice((0, 1, 3, 4, 5, 7)) | rng.randrange(4) << 3 for _ in range(8))
        return int.from_bytes(bytes(entries), "little")
    return b.value()


def csr_operation(b: Builder, name: str) -> None:
    """One CSR instruction of a random kind; fences what needs a fence."""
    rng, number = b.rng, NUMBER[name]
    kind = rng.choice((1, 1, 2, 2, 3, 3, 5, 6, 7))
    rd = 0 if name in ("mcycle", "minstret", *_U_NAMES[:3]) else b.target()
    if kind > 4:
        source = rng.choice((0, rng.randrange(32)))
    else:
        source = 0 if rng.random() < 0.25 else b.holding(csr_value(b, name))
    b.emit(asm.csr(kind, rd, source, number))
    if name == "satp" or name.startswith("pmp"):
        b.emit(asm.SFENCE)


def _name(b: Builder, priv: int) -> str:
    """Mostly a CSR of the mode; sometimes one of a higher mode, or a counter."""
    chance = b.rng.random()
    if chance < 0.12:
        return b.rng.choice(_U_NAMES)
    if (priv == M and chance < 0.6) or chance > 0.96:
        return b.rng.choice(_M_NAMES)
    return b.rng.choice(_S_NAMES)


_READ_BY_HANDLER = ("scause", "stval", "sepc", "sstatus", "sip")


def handler(b: Builder, resume: bool, reads: tuple[str, ...] = _READ_BY_HANDLER) -> None:
    """The S handler: entries for vectored mode, then resume after the instruction or end."""
    common = 16
    words = [asm.jal(0, 4 * (common - k)) for k in range(common)]
    for name in reads:
        if b.rng.random() < 0.4:
            words.append(asm.csrr(b.rng.choice((12, 13, 14)), NUMBER[name]))
    if b.rng.random() < 0.5:
        words.append(asm.csr(7, 0, 2, NUMBER["sip"]))  # end a software interrupt
    if resume:
        words += [asm.csrr(17, NUMBER["sepc"]), asm.addi(17, 17, 4), asm.csrw(NUMBER["sepc"], 17)]
        words.append(asm.SRET)
    b.handler([*words, asm.ECALL])


def delegation(b: Builder) -> bool:
    """Random delegation that still lets a case end; returns whether the handler may resume.

    The handler ends with an ecall from S, which is never delegated.  A program may be resumed when
    its own last ecall is not delegated either.
    """
    resume = b.rng.random() < 0.6
    b.csr["medeleg"] = csr_value(b, "medeleg") & ~(1 << 9) & ~(resume << 8)
    if resume:
        b.csr["medeleg"] |= b.rng.getrandbits(16) & 0xB0FF
    b.csr["mideleg"] = csr_value(b, "mideleg")
    return resume


def csr_case(b: Builder) -> Case:
    """CSR instructions in one mode."""
    priv = b.rng.choice((M, M, S, S, U))
    enter(b, priv)
    handler(b, delegation(b))
    b.csr["mcounteren"], b.csr["scounteren"] = b.rng.getrandbits(3), b.rng.getrandbits(3)
    b.csr["menvcfg"] = csr_value(b, "menvcfg")
    for name in ("mscratch", "sscratch", "scause", "stval", "mtval", "mcause"):
        b.csr[name] = b.value()
    for _ in range(b.rng.randrange(2, 9)):
        if b.rng.random() < 0.15:
            alu(b)
        csr_operation(b, _name(b, priv))
    b.emit(asm.ECALL)
    return b.case()


def _return(b: Builder, which: int) -> None:
    """Set xepc to what follows and sometimes the status, then mret or sret."""
    epc, status = ("mepc", "mstatus") if which == asm.MRET else ("sepc", "sstatus")
    if b.rng.random() < 0.6:
        register = b.holding(status_bits(b))
        b.emit(asm.csr(b.rng.choice((1, 2, 3)), b.target(), register, NUMBER[status]))
    register = b.holding(b.here + 8 + 4 * b.rng.randrange(2))
    if register:
        b.emit(asm.csrw(NUMBER[epc], register))
    b.emit(which)


def _privileged_operation(b: Builder) -> None:
    rng = b.rng
    kind = rng.randrange(10)
    if kind < 2:
        _return(b, asm.SRET)
    elif kind == 2:
        _return(b, asm.MRET)
    elif kind == 3:
        b.emit(rng.choice((asm.ECALL, asm.EBREAK, asm.WFI, 0, 0xFFFFFFFF, 0x00200073)))
    elif kind == 4:
        b.emit(asm.r(0x73, 0, 9, 0, rng.randrange(32), rng.randrange(32)))
    elif kind == 5:
        b.emit16(rng.choice((0x9002, 0x0000, 0x8002, 0x6101, 0x2001, 0x9C41)))  # c.ebreak, illegal
        b.emit16(0x0001)
    elif kind == 6:
        _wild_access(b)
    else:
        rng.choice((alu, access, compressed))(b)


def _wild_access(b: Builder) -> None:
    """A load, store or atomic where no RAM is, or an atomic that is not aligned."""
    rng = b.rng
    if rng.random() < 0.5:
        register = b.holding(rng.randrange(*NO_RAM))
        word = rng.choice((asm.ld(b.target(), register, 0), asm.sd(3, register, 0)))
        b.emit(word if register else 1)
        return
    register = b.holding(DATA + rng.randrange(PAGE))
    f5 = rng.choice((0, 1, 2, 3, 4, 0x10, 0x1C))
    rs2 = 0 if f5 == 2 else b.source()
    b.emit(asm.r(0x2F, rng.choice((2, 3)), f5 << 2, b.target(), register, rs2))


def trap_case(b: Builder) -> Case:
    """Traps and returns between modes."""
    enter(b, b.rng.choice((M, S, S, U)))
    handler(b, delegation(b))
    b.csr["sepc"], b.csr["sscratch"] = CODE + 64, b.value()
    for _ in range(b.rng.randrange(2, 10)):
        _privileged_operation(b)
    b.emit(asm.ECALL)
    return b.case()


def interrupt_case(b: Builder) -> Case:
    """Interrupts from outside, by software and by stimecmp; direct and vectored."""
    rng = b.rng
    priv = rng.choice((M, S, U))
    names = (*_INTERRUPT_NAMES, *(["mip"] * 6 if priv == M else ()))
    enter(b, priv)
    handler(b, delegation(b) and rng.random() < 0.3)
    b.csr["mtvec"] |= rng.randrange(2)
    b.csr["stvec"] |= rng.randrange(2)
    b.csr["mie"] = csr_value(b, "mie")
    b.csr["menvcfg"] = csr_value(b, "menvcfg")
    b.csr["stimecmp"] = rng.choice(_FAR)  # time runs on QEMU and stands still in a case
    if rng.random() < 0.5:
        b.csr["mip"] = csr_value(b, "mip") & csrs.S_INTERRUPTS
    b.lines = rng.choice((0, 0, csrs.MSI, csrs.MTI, csrs.MSI | csrs.MTI))
    for _ in range(rng.randrange(1, 8)):
        kind = rng.randrange(6)
        if kind < 4:
            csr_operation(b, rng.choice(names))
        elif kind == 4:
            _return(b, rng.choice((asm.SRET, asm.SRET, asm.MRET)))
        else:
            b.emit(asm.WFI)
    b.emit(asm.ECALL)
    return b.case()


_OPCODES = (0x03, 0x0F, 0x13, 0x17, 0x1B, 0x23, 0x2F, 0x33, 0x37, 0x3B, 0x63, 0x67, 0x6F, 0x73)


def random_word(b: Builder) -> None:
    """A random word: any, one with a known opcode, or two random halves of compressed kind."""
    rng = b.rng
    kind = rng.randrange(8)
    if kind == 0:
        b.emit(rng.getrandbits(32) | 3)
    elif kind < 5:
        word = rng.getrandbits(32) & ~0x7F | rng.choice(_OPCODES)
        if rng.random() < 0.5:
            word &= ~0xFE000000 | rng.choice((0, 0, 0x40000000, 0x02000000))
        b.emit(word)
    else:
        b.emit16(rng.getrandbits(16) & ~3 | rng.randrange(3))


def random_case(b: Builder) -> Case:
    """Random words: what is legal executes, what is not traps with its bits."""
    enter(b, b.rng.choice((M, S, U)))
    resume = delegation(b)
    handler(b, resume)
    if resume:
        b.csr["medeleg"] |= 0xB0FF
    for _ in range(b.rng.randrange(1, 12)):
        random_word(b)
    b.emit(asm.ECALL)
    return b.case()
