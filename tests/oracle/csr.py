"""Control and status registers: numbers, access rules, legal values (priv 2, 3.1, 4.1)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from .bits import M64

if TYPE_CHECKING:
    from .machine import Oracle

SIE, MIE, SPIE, MPIE, SPP = 1 << 1, 1 << 3, 1 << 5, 1 << 7, 1 << 8
MPP, MPRV, SUM, MXR = 3 << 11, 1 << 17, 1 << 18, 1 << 19
TVM, TW, TSR = 1 << 20, 1 << 21, 1 << 22
M_BITS, S_BITS = 11, 8  # lowest bit of MPP and of SPP
UXL, SXL = 2 << 32, 2 << 34
MSTATUS = SIE | MIE | SPIE | MPIE | SPP | MPRV | SUM | MXR | TVM | TW | TSR  # MPP apart
SSTATUS = SIE | SPIE | SPP | SUM | MXR

SSI, MSI, STI, MTI, SEI, MEI = (1 << n for n in (1, 3, 5, 7, 9, 11))
S_INTERRUPTS = SSI | STI | SEI
ALL_INTERRUPTS = S_INTERRUPTS | MSI | MTI | MEI
MEDELEG = 0xB3FF  # all standard causes but 10 (reserved), 11 (ecall from M), 14 (reserved)
STCE, FIOM = 1 << 63, 1
PMP_L = 1 << 7
TRIGGERS = 2
TYPE_DISABLED = 15 << 60
MISA = 2 << 62 | sum(1 << ord(letter) - ord("A") for letter in "IMACSU")

_NAMED = {
    "sstatus": 0x100, "sie": 0x104, "stvec": 0x105, "scounteren": 0x106, "senvcfg": 0x10A,
    "sscratch": 0x140, "sepc": 0x141, "scause": 0x142, "stval": 0x143, "sip": 0x144,
    "stimecmp": 0x14D, "satp": 0x180, "mstatus": 0x300, "misa": 0x301, "medeleg": 0x302,
    "mideleg": 0x303, "mie": 0x304, "mtvec": 0x305, "mcounteren": 0x306, "menvcfg": 0x30A,
    "mcountinhibit": 0x320, "mscratch": 0x340, "mepc": 0x341, "mcause": 0x342, "mtval": 0x343,
    "mip": 0x344, "mcycle": 0xB00, "minstret": 0xB02, "cycle": 0xC00, "time": 0xC01,
    "instret": 0xC02, "mvendorid": 0xF11, "marchid": 0xF12, "mimpid": 0xF13, "mhartid": 0xF14,
    "mconfigptr": 0xF15, "tselect": 0x7A0, "tdata1": 0x7A1, "tdata2": 0x7A2, "tinfo": 0x7A4,
}  # fmt: skip
NUMBER: dict[str, int] = dict(_NAMED)
NUMBER |= {f"mhpmevent{i}": 0x320 + i for i in range(3, 32)}
NUMBER |= {f"mhpmcounter{i}": 0xB00 + i for i in range(3, 32)}
NUMBER |= {f"hpmcounter{i}": 0xC00 + i for i in range(3, 32)}
NUMBER |= {f"pmpcfg{i}": 0x3A0 + i for i in range(0, 16, 2)}
NUMBER |= {f"pmpaddr{i}": 0x3B0 + i for i in range(64)}
NAME: dict[int, str] = {number: name for name, number in NUMBER.items()}
TRIGGER_NAMES = ("tselect", "tdata1", "tdata2", "tinfo")
TRIGGER_WORDS = ("tselect", "tdata1_0", "tdata1_1", "tdata2_0", "tdata2_1")

# What is stored; every other CSR is constant or a view of these.
STORED = (
    "mstatus medeleg mideleg mie mip mtvec mscratch mepc mcause mtval mcounteren menvcfg mcycle "
    "minstret stvec sscratch sepc scause stval satp scounteren senvcfg stimecmp pmpcfg0 "
    + " ".join((*(f"pmpaddr{i}" for i in range(8)), *TRIGGER_WORDS))
).split()

# Bits of a stored CSR that a write replaces, where no more is to be said than that.
_PLAIN = {
    "medeleg": MEDELEG, "mideleg": S_INTERRUPTS, "mie": ALL_INTERRUPTS, "mscratch": M64,
    "mepc": M64 & ~1, "mcause": M64, "mtval": M64, "mcounteren": 7, "menvcfg": STCE | FIOM,
    "mcycle": M64, "minstret": M64, "sscratch": M64, "sepc": M64 & ~1, "scause": M64,
    "stval": M64, "scounteren": 7, "senvcfg": FIOM, "stimecmp": M64, "tdata2_0": M64,
    "tdata2_1": M64,
}  # fmt: skip


def reset_values() -> dict[str, int]:
    """All stored CSRs: zero, but no supervisor timer is set and the triggers are disabled."""
    disabled = dict.fromkeys(("tdata1_0", "tdata1_1"), TYPE_DISABLED)
    return dict.fromkeys(STORED, 0) | {"stimecmp": M64} | disabled


def pending_bits(o: Oracle) -> int:
    """mip as interrupts see it: software bits, lines from outside, Sstc (priv 3.1.9)."""
    value = o.csr["mip"] | o.lines
    if o.csr["menvcfg"] & STCE:
        value = value & ~STI | (STI if o.mtime >= o.csr["stimecmp"] else 0)
    return value


def readable(o: Oracle, name: str, priv: int) -> bool:
    """Whether ``priv`` may access the CSR at all, beyond the number's own rule."""
    if name == "satp":
        return not (priv == 1 and o.csr["mstatus"] & TVM)  # priv 3.1.6.5
    if name == "stimecmp":  # priv, Sstc: 2.2
        return priv == 3 or bool(o.csr["menvcfg"] & STCE and o.csr["mcounteren"] & 2)
    number = NUMBER[name]
    if 0xC00 <= number <= 0xC1F:  # priv 3.1.11, 4.1.5
        bit = 1 << number - 0xC00
        by_m = priv == 3 or o.csr["mcounteren"] & bit
        return bool(by_m and (priv > 0 or o.csr["scounteren"] & bit))
    return True


def word_of(o: Oracle, name: str) -> str:
    """What is meant by a name: tdata1 and tdata2 are the selected trigger's (Sdtrig 5.7.1)."""
    return f"{name}_{o.csr['tselect']}" if name in ("tdata1", "tdata2") else name


def read(o: Oracle, name: str) -> int:
    """The value that an instruction reads."""
    csr, name = o.csr, word_of(o, name)
    if name == "mstatus":
        return csr["mstatus"] | UXL | SXL
    if name == "sstatus":
        return csr["mstatus"] & SSTATUS | UXL
    if name == "mip":
        return pending_bits(o)
    if name == "sip":
        return pending_bits(o) & csr["mideleg"]
    if name == "sie":
        return csr["mie"] & csr["mideleg"]
    if name in csr:
        return csr[name]
    info = 1 << 24 | 1 << 15 | 1 << 6  # version 1.0, types 15 and 6 (Sdtrig 5.7.5)
    counters = {"cycle": csr["mcycle"], "instret": csr["minstret"], "time": o.mtime}
    return ({"tinfo": info, "misa": MISA} | counters).get(name, 0)


def read_to_modify(o: Oracle, name: str) -> int:
    """The value that csrrs and csrrc modify: of mip's SEIP the software bit (priv 3.1.9)."""
    return o.csr["mip"] if name in ("mip", "sip") else read(o, name)


def write(o: Oracle, name: str, value: int) -> None:
    """Write with legalization; writes to constants are ignored."""
    csr, name = o.csr, word_of(o, name)
    if name == "stimecmp" and not csr["menvcfg"] & STCE:
        o.notes.add("stimecmp written while Sstc is off")
    if name == "menvcfg" and csr["menvcfg"] & STCE & ~value:
        o.notes.add("Sstc switched off")
    if name in _PLAIN:
        csr[name] = value & _PLAIN[name]
    elif name in ("mtvec", "stvec"):
        csr[name] = value & ~3 | csr[name] & 1 if value & 2 else value
    elif name == "mstatus":
        _write_mstatus(csr, value)
    elif name == "sstatus":
        csr["mstatus"] = csr["mstatus"] & ~SSTATUS | value & SSTATUS
    elif name == "sie":
        csr["mie"] = csr["mie"] & ~csr["mideleg"] | value & csr["mideleg"]
    elif name == "mip":
        writable = SSI | SEI | (0 if csr["menvcfg"] & STCE else STI)
        csr["mip"] = csr["mip"] & ~writable | value & writable
    elif name == "sip":
        writable = SSI & csr["mideleg"]
        csr["mip"] = csr["mip"] & ~writable | value & writable
    elif name == "satp":
        if value >> 60 in (0, 8):  # priv 4.1.11: an unsupported MODE has no effect
            csr["satp"] = value & (0xF << 60 | 0xFF << 44 | (1 << 44) - 1)
    elif name == "pmpcfg0":
        csr["pmpcfg0"] = _unlocked_bytes(csr["pmpcfg0"], legal_pmpcfg(value))
    elif name in csr and name.startswith("pmpaddr"):
        if not _address_is_locked(csr["pmpcfg0"], int(name.removeprefix("pmpaddr"))):
            csr[name] = value & (1 << 54) - 1
    elif name == "tselect":
        csr["tselect"] = value if value < TRIGGERS else csr["tselect"]
    elif name.startswith("tdata1"):
        csr[name] = _legal_tdata1(value)


def _write_mstatus(csr: dict[str, int], value: int) -> None:
    mpp = value & MPP
    if mpp == 2 << M_BITS:
        mpp = csr["mstatus"] & MPP
    csr["mstatus"] = value & MSTATUS | mpp


def legal_pmpcfg(value: int) -> int:
    """L, A, X, W, R of each byte; reserved bits read zero, W without R is dropped (3.7.1)."""
    legal = 0
    for shift in range(0, 64, 8):
        config = value >> shift & 0x9F
        legal |= (config & ~2 if config & 3 == 2 else config) << shift
    return legal


def _unlocked_bytes(old: int, new: int) -> int:
    """``new``, but ``old`` where an entry is locked: its writes are ignored (3.7.1.2)."""
    pairs = zip(old.to_bytes(8, "little"), new.to_bytes(8, "little"), strict=True)
    return int.from_bytes(bytes(a if a & PMP_L else b for a, b in pairs), "little")


def _address_is_locked(config: int, index: int) -> bool:
    """By its own entry, or as the lower bound of a locked TOR entry (3.7.1.2)."""
    entries = (*config.to_bytes(8, "little"), 0)
    own, above = entries[index], entries[index + 1]
    return bool(own & PMP_L or (above & PMP_L and above >> 3 & 3 == 1))


def _legal_tdata1(value: int) -> int:
    """mcontrol6 with m, s, u, execute, store, load; all else is disabled (Sdtrig 5.7.2, 5.7.12)."""
    if value >> 60 != 6:
        return TYPE_DISABLED
    return 6 << 60 | value & (1 << 6 | 1 << 4 | 1 << 3 | 7)
