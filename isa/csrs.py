"""The CSR table: number, fields, legalization of writes (WARL), reset, access.

A CSR either has storage of its own, is a *view* of another one (``sstatus`` of ``mstatus``), is
a counter, or reads as a constant.  ``legalize(old, new)`` says which value a write leaves behind.
Manual: privileged architecture, chapters 2-4 and 10.1 (Sstc); section numbers at each entry.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from isa.bits import (
    add,
    and_,
    any_bits,
    clear,
    eq,
    field,
    insert,
    lt_u,
    ne,
    or_,
    select,
    shl,
    shr,
    sub,
)

Legalize = Callable[[int, int], int]


@dataclass(frozen=True)
class Field:
    """Bits high..low of a CSR; `access` is "rw", or "ro" for bits that a write leaves alone."""

    name: str
    high: int
    low: int
    doc: str
    access: str = "rw"

    @property
    def mask(self) -> int:
        """The field's bits in place."""
        return ((1 << (self.high - self.low + 1)) - 1) << self.low


@dataclass(frozen=True)
class Csr:
    """One control and status register.

    kind: "plain" (storage), "view" (the bits `view_mask` of the storage of `view_of`), "counter"
    (computed from the machine's counters; `view_of` names which), "constant" (reads `reset`),
    "selected" (as many words as there are triggers; the CSR `view_of` says which one is meant).
    """

    name: str
    number: int
    doc: str
    section: str
    fields: tuple[Field, ...] = ()
    reset: int = 0
    kind: str = "plain"
    view_of: str = ""
    legalize: Legalize | None = None

    @property
    def privilege(self) -> int:
        """The lowest mode that may access it: bits 9:8 of the number (2.1)."""
        return (self.number >> 8) & 3

    @property
    def read_only(self) -> bool:
        """Bits 11:10 both set: a write is an illegal instruction (2.1)."""
        return (self.number >> 10) == 3

    @cached_property
    def writable(self) -> int:
        """Mask of the bits that a write can change."""
        if self.kind == "constant" or self.read_only:
            return 0
        return self._mask("rw") if self.fields else (1 << 64) - 1

    @cached_property
    def readable(self) -> int:
        """Mask of the bits that can ever read as one."""
        return self._mask("") if self.fields else (1 << 64) - 1

    def _mask(self, access: str) -> int:
        mask = 0
        for item in self.fields:
            if item.access.startswith(access):
                mask |= item.mask
        return mask


def _f(text: str, doc: str, access: str = "rw") -> Field:
    name, _, bits = text.partition(" ")
    high, _, low = bits.partition(":")
    return Field(name, int(high), int(low or high), doc, access)


SATP_MODE_SV39 = 8
ASID_BITS = 8
PMP_ENTRIES = 8
TRIGGERS = 2
TDATA1_DISABLED = 15 << 60

# ---- rules: value after a write of `new` over `old` ------------------------------------------


def legal_mstatus(old: int, new: int) -> int:
    """MPP holds U, S or M: writing the reserved 2 keeps the old mode (3.1.6.1)."""
    kept = insert(new, 11, 2, field(old, 11, 2))
    wanted = select(eq(field(new, 11, 2), 2), kept, new)
    return or_(clear(old, MSTATUS_WRITABLE), and_(wanted, MSTATUS_WRITABLE))


def legal_tvec(old: int, new: int) -> int:
    """MODE is Direct or Vectored; a reserved mode keeps the old one (3.1.7)."""
    return select(any_bits(new, 2), or_(clear(new, 3), and_(old, 1)), new)


def legal_epc(old: int, new: int) -> int:
    """IALIGN is 16: only bit 0 is zero (3.1.14)."""
    return clear(new, 1)


def legal_satp(old: int, new: int) -> int:
    """A write with a MODE other than Bare and Sv39 has no effect at all (4.1.11)."""
    mode = shr(new, 60)
    kept = and_(new, SATP_WRITABLE)
    return select(eq(mode, 0), kept, select(eq(mode, 8), kept, old))


def legal_pmpcfg(old: int, new: int) -> int:
    """Eight entries of R W X A L; W without R drops W; locked entries stay (3.7.1)."""
    masked = and_(new, 0x9F9F9F9F9F9F9F9F)
    readable = and_(masked, 0x0101010101010101)
    orphan_w = clear(and_(masked, 0x0202020202020202), add(readable, readable))
    locked = and_(shr(old, 7), 0x0101010101010101)
    held = sub(shl(locked, 8), locked)  # all bits of the bytes of locked entries
    return or_(and_(old, held), clear(clear(masked, orphan_w), held))


def legal_pmpaddr(old: int, new: int) -> int:
    """Bits 55:2 of a physical address (3.7.1)."""
    return and_(new, 0x003FFFFFFFFFFFFF)


def legal_tselect(old: int, new: int) -> int:
    """The number of a trigger; writing another one changes nothing (Sdtrig 5.7.1)."""
    return select(lt_u(new, TRIGGERS), new, old)


def legal_tdata1(old: int, new: int) -> int:
    """Type 6 (mcontrol6) with what it can do here; every other type is 15, disabled (5.7.2)."""
    return select(eq(shr(new, 60), 6), and_(new, 0xF00000000000005F), TDATA1_DISABLED)


# ---- the table --------------------------------------------------------------------------------

_STATUS_S = (
    _f("SIE 1", "S-mode interrupts enabled"),
    _f("SPIE 5", "SIE before the last trap into S"),
    _f("SPP 8", "mode before the last trap into S"),
    _f("SUM 18", "S may access U pages"),
    _f("MXR 19", "loads may read executable pages"),
    _f("UXL 33:32", "XLEN of U: 2 = 64", "ro"),
)
_STATUS_M = (
    _f("MIE 3", "M-mode interrupts enabled"),
    _f("MPIE 7", "MIE before the last trap into M"),
    _f("MPP 12:11", "mode before the last trap into M"),
    _f("MPRV 17", "loads and stores use the mode in MPP"),
    _f("TVM 20", "satp and sfence.vma trap in S"),
    _f("TW 21", "wfi traps in S"),
    _f("TSR 22", "sret traps in S"),
    _f("SXL 35:34", "XLEN of S: 2 = 64", "ro"),
)
_S_INTS = (("SS", 1, "software"), ("ST", 5, "timer"), ("SE", 9, "external"))
_M_INTS = (("MS", 3, "software"), ("MT", 7, "timer"), ("ME", 11, "external"))


def _interrupt_fields(suffix: str, writable: tuple[str, ...], machine: bool) -> tuple[Field, ...]:
    rows = _S_INTS + _M_INTS if machine else _S_INTS
    return tuple(
        _f(f"{n}{suffix} {bit}", f"{'machine' if n[0] == 'M' else 'supervisor'} {what} interrupt",
           "rw" if n in writable else "ro")
        for n, bit, what in rows
    )  # fmt: skip


_ALL_INTS = ("SS", "ST", "SE", "MS", "MT", "ME")
_TVEC = (_f("BASE 63:2", "handler, 4-byte aligned"), _f("MODE 1:0", "0 direct, 1 vectored"))
_CAUSE = (_f("INTERRUPT 63", "an interrupt"), _f("CODE 62:0", "exception or interrupt code"))
_COUNTEREN = (_f("CY 0", "cycle"), _f("TM 1", "time"), _f("IR 2", "instret"))
_TDATA1 = (
    _f("TYPE 63:60", "6 mcontrol6, 15 disabled"),
    _f("DMODE 59", "for debuggers outside only", "ro"),
    _f("SELECT 21", "0: the address is compared", "ro"),
    _f("SIZE 18:16", "0: accesses of any width", "ro"),
    _f("ACTION 15:12", "0: a breakpoint exception", "ro"),
    _f("CHAIN 11", "0: alone", "ro"),
    _f("MATCH 10:7", "0: equal", "ro"),
    _f("M 6", "fires in M"),
    _f("S 4", "fires in S"),
    _f("U 3", "fires in U"),
    _f("EXECUTE 2", "at the instruction at that address"),
    _f("STORE 1", "at stores to it"),
    _f("LOAD 0", "at loads from it"),
)
_SATP = (
    _f("MODE 63:60", "0 Bare, 8 Sv39"),
    _f("ASID 51:44", "address space"),
    _f("PPN 43:0", "root page table"),
)

CSRS: tuple[Csr, ...] = (
    # user counters
    Csr("cycle", 0xC00, "modelled cycles", "unpriv. 7.1", kind="counter", view_of="mcycle"),
    Csr("time", 0xC01, "ticks of the timebase", "unpriv. 7.1", kind="counter", view_of="time"),
    Csr("instret", 0xC02, "instructions retired", "unpriv. 7.1", kind="counter",
        view_of="minstret"),
    # supervisor
    Csr("sstatus", 0x100, "supervisor status", "4.1.1", _STATUS_S, kind="view", view_of="mstatus"),
    Csr("sie", 0x104, "interrupt enables", "4.1.3", _interrupt_fields("IE", _ALL_INTS, False),
        kind="view", view_of="mie"),
    Csr("stvec", 0x105, "trap vector", "4.1.2", _TVEC, legalize=legal_tvec),
    Csr("scounteren", 0x106, "counters that U may read", "4.1.5", _COUNTEREN),
    Csr("senvcfg", 0x10A, "environment of U", "4.1.10",
        (_f("FIOM 0", "fence of I/O implies memory"),)),
    Csr("sscratch", 0x140, "scratch", "4.1.6"),
    Csr("sepc", 0x141, "pc of the trap", "4.1.7", legalize=legal_epc),
    Csr("scause", 0x142, "cause of the trap", "4.1.8", _CAUSE),
    Csr("stval", 0x143, "trapped address or instruction", "4.1.9"),
    Csr("sip", 0x144, "interrupts pending", "4.1.3", _interrupt_fields("IP", ("SS",), False),
        kind="view", view_of="mip"),
    Csr("stimecmp", 0x14D, "supervisor timer compare", "Sstc 2.1", reset=(1 << 64) - 1),
    Csr("satp", 0x180, "address translation", "4.1.11", _SATP, legalize=legal_satp),
    # machine
    Csr("mvendorid", 0xF11, "vendor", "3.1.2", kind="constant"),
    Csr("marchid", 0xF12, "architecture", "3.1.3", kind="constant"),
    Csr("mimpid", 0xF13, "implementation", "3.1.4", kind="constant"),
    Csr("mhartid", 0xF14, "number of this hart", "3.1.5", kind="plain"),
    Csr("mconfigptr", 0xF15, "no configuration structure", "3.1.17", kind="constant"),
    Csr("mstatus", 0x300, "machine status", "3.1.6", _STATUS_S + _STATUS_M,
        reset=(2 << 32) | (2 << 34), legalize=legal_mstatus),
    Csr("misa", 0x301, "RV64 A C I M S U", "3.1.1", kind="constant",
        reset=(2 << 62) | sum(1 << (ord(c) - ord("A")) for c in "ACIMSU")),
    Csr("medeleg", 0x302, "exceptions delegated to S", "3.1.8",
        (_f("LOW 9:0", "exceptions 0-9"), _f("PAGE 13:12", "instruction and load page faults"),
         _f("STORE_PAGE 15", "store page fault"))),
    Csr("mideleg", 0x303, "interrupts delegated to S", "3.1.8",
        tuple(_f(f"{n}I {bit}", f"supervisor {what} interrupt") for n, bit, what in _S_INTS)),
    Csr("mie", 0x304, "interrupt enables", "3.1.9", _interrupt_fields("IE", _ALL_INTS, True)),
    Csr("mtvec", 0x305, "trap vector", "3.1.7", _TVEC, legalize=legal_tvec),
    Csr("mcounteren", 0x306, "counters that S and U may read", "3.1.11", _COUNTEREN),
    Csr("menvcfg", 0x30A, "environment of S", "3.1.18",
        (_f("FIOM 0", "fence of I/O implies memory"), _f("STCE 63", "stimecmp is enabled"))),
    Csr("mcountinhibit", 0x320, "counters never stop", "3.1.12", kind="constant"),
    Csr("mscratch", 0x340, "scratch", "3.1.13"),
    Csr("mepc", 0x341, "pc of the trap", "3.1.14", legalize=legal_epc),
    Csr("mcause", 0x342, "cause of the trap", "3.1.15", _CAUSE),
    Csr("mtval", 0x343, "trapped address or instruction", "3.1.16"),
    Csr("mip", 0x344, "interrupts pending", "3.1.9",
        _interrupt_fields("IP", ("SS", "ST", "SE"), True)),
    Csr("mcycle", 0xB00, "modelled cycles", "3.1.10", kind="counter", view_of="mcycle"),
    Csr("minstret", 0xB02, "instructions retired", "3.1.10", kind="counter", view_of="minstret"),
    # triggers (debug specification 1.0, Sdtrig)
    Csr("tselect", 0x7A0, "number of the chosen trigger", "Sdtrig 5.7.1",
        legalize=legal_tselect),
    Csr("tdata1", 0x7A1, "what fires the chosen trigger", "Sdtrig 5.7.2, 5.7.12", _TDATA1,
        TDATA1_DISABLED, "selected", "tselect", legal_tdata1),
    Csr("tdata2", 0x7A2, "address of the trigger", "Sdtrig 5.7.3", kind="selected",
        view_of="tselect"),
    Csr("tinfo", 0x7A4, "types 6 and 15, version 1", "Sdtrig 5.7.5", kind="constant",
        reset=1 << 24 | 1 << 15 | 1 << 6),
    *(Csr(f"pmpcfg{n}", 0x3A0 + n, "protection of 8 entries", "3.7.1",
          legalize=legal_pmpcfg if n == 0 else None, kind="plain" if n == 0 else "constant")
      for n in range(0, 16, 2)),
    *(Csr(f"pmpaddr{n}", 0x3B0 + n, "protected region", "3.7.1",
          legalize=legal_pmpaddr if n < PMP_ENTRIES else None,
          kind="plain" if n < PMP_ENTRIES else "constant")
      for n in range(64)),
    *(Csr(f"mhpmcounter{n}", 0xB00 + n, "not implemented: 0", "3.1.10", kind="constant")
      for n in range(3, 32)),
    *(Csr(f"mhpmevent{n}", 0x320 + n, "not implemented: 0", "3.1.10", kind="constant")
      for n in range(3, 32)),
    *(Csr(f"hpmcounter{n}", 0xC00 + n, "not implemented: 0", "unpriv. 7.2", kind="constant")
      for n in range(3, 32)),
)  # fmt: skip

BY_NAME = {csr.name: csr for csr in CSRS}
BY_NUMBER = {csr.number: csr for csr in CSRS}


def alike(csr: Csr) -> list[Csr]:
    """The CSRs of one numbered row (pmpaddr0, pmpaddr1, ...), itself among them."""
    stem = csr.name.rstrip("0123456789")
    return [c for c in CSRS if c.name.rstrip("0123456789") == stem and c.doc == csr.doc]


MSTATUS_WRITABLE = BY_NAME["mstatus"].writable
SSTATUS_READABLE = BY_NAME["sstatus"].readable
SSTATUS_WRITABLE = BY_NAME["sstatus"].writable
SATP_WRITABLE = BY_NAME["satp"].writable
MIP_WRITABLE = BY_NAME["mip"].writable
S_INTERRUPTS = BY_NAME["mideleg"].writable


def mip_writable(menvcfg: int) -> int:
    """Bits of mip that a write changes: not STIP while stimecmp makes it (3.1.9, Sstc 2.2)."""
    return select(ne(shr(menvcfg, 63), 0), clear(MIP_WRITABLE, 32), MIP_WRITABLE)


def counter_enabled(number: int, priv: int, mcounteren: int, scounteren: int) -> bool:
    """May `priv` read the user counter `number` (0xC00..0xC1F)?  (3.1.11, 4.1.5)"""
    bit = field(number, 0, 5)
    if eq(priv, 3):
        return True
    if eq(field(shr(mcounteren, bit), 0, 1), 0):
        return False
    return ne(priv, 0) or ne(field(shr(scounteren, bit), 0, 1), 0)


def stimecmp_enabled(priv: int, mcounteren: int, menvcfg: int) -> bool:
    """S may access stimecmp only with mcounteren.TM and menvcfg.STCE (Sstc 2.2)."""
    return eq(priv, 3) or (ne(field(mcounteren, 1, 1), 0) and ne(field(menvcfg, 63, 1), 0))


def csr_permitted(number: int, priv: int, write: bool, mstatus: int) -> bool:
    """The mode, read-only and TVM checks that hold for every existing CSR (2.1, 3.1.6.5)."""
    if lt_u(priv, field(number, 8, 2)):
        return False
    if write and eq(field(number, 10, 2), 3):
        return False
    return not (eq(number, 0x180) and eq(priv, 1) and ne(field(mstatus, 20, 1), 0))


# Rules of access, beside the legalizations of the table.
PERMISSIONS = (mip_writable, counter_enabled, stimecmp_enabled, csr_permitted)
