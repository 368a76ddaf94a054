"""Cases of address translation and physical memory protection."""

from __future__ import annotations

from tests.oracle import csr as csrs
from tests.oracle.csr import NUMBER

from . import asm
from .builder import POINTERS, Builder
from .case import Case
from .layout import (
    ARENA,
    CODE_PAGE,
    DATA,
    DATA_END,
    DATA_PAGE,
    DATA_PAGES,
    HANDLER_PAGE,
    NO_RAM,
    PAGE,
    RAM,
    TABLES,
)
from .privileged import M, S, U, delegation, enter, handler

V, R, W, X, USER, G, A, D = (1 << n for n in range(8))
ROOT, MIDDLE, LEAVES, OTHER = (TABLES + k * PAGE for k in range(4))
_OTHER_VPN1 = 5  # a second last-level table, for the 2 MiB at 5 << 21 of the same gigabyte


def _pointer(table: int) -> int:
    return table >> 12 << 10 | V


def _leaf(physical: int, flags: int) -> int:
    return physical >> 12 << 10 | flags


class Tables:
    """The page tables of a case: an identity map of code and handler, the rest at random."""

    def __init__(self, b: Builder, user_code: bool, easy: float = 0.0) -> None:
        """``easy`` is the chance that a page permits loads and stores of the running mode."""
        self.b = b
        self.easy, self.data_user = easy, USER if user_code else 0
        self.entries: dict[int, int] = {}
        self.pages: list[int] = []  # virtual addresses worth trying
        self._set(ROOT, RAM >> 30, _pointer(MIDDLE))
        self._set(MIDDLE, 0, _pointer(LEAVES))
        self._set(MIDDLE, _OTHER_VPN1, _pointer(OTHER) | self._oddity(0.1, (USER, A, D, 1 << 60)))
        code = V | R | X | A | D | (USER if user_code else 0)
        self._identity(CODE_PAGE, code)
        self._identity(HANDLER_PAGE, V | R | X | A | D)
        for page in range(DATA_PAGE, DATA_PAGE + DATA_PAGES):
            self._identity(page, self._flags())
        self._extra()

    def _oddity(self, chance: float, bits: tuple[int, ...]) -> int:
        return self.b.rng.choice(bits) if self.b.rng.random() < chance else 0

    def _flags(self) -> int:
        rng = self.b.rng
        if self.easy and rng.random() < self.easy:
            ready = rng.getrandbits(8) & (X | G | A | D)
            return V | R | W | self.data_user | ready
        flags = rng.choice((V | R | W, V | R | W, V | R | W, V | R, V | X, V | R | W | X, V | W, V))
        flags |= (rng.getrandbits(8) & (USER | G | A | D)) | rng.getrandbits(2) << 8
        flags &= ~self._oddity(0.05, (V,))
        return flags | self._oddity(0.05, (1 << 54, 1 << 61, 1 << 63))

    def _set(self, table: int, index: int, entry: int) -> None:
        self.entries[table + 8 * index] = entry

    def _identity(self, page: int, flags: int) -> None:
        va = ARENA + page * PAGE
        self._set(LEAVES, va >> 12 & 511, _leaf(va, flags))
        if page >= DATA_PAGE:
            self.pages.append(va)

    def _extra(self) -> None:
        """Superpages (some misaligned), aliases, holes and non-canonical addresses."""
        rng = self.b.rng
        data = ARENA + rng.randrange(DATA_PAGE, DATA_PAGE + DATA_PAGES) * PAGE
        odd = self._oddity(0.3, (PAGE, 1 << 20, 1 << 21))
        giga, mega, last = rng.randrange(3, 512), rng.randrange(6, 512), rng.randrange(512)
        self._set(ROOT, giga, _leaf(RAM + odd, self._flags()))
        self._set(MIDDLE, mega, _leaf(RAM + (odd & ~(1 << 21)), self._flags()))
        target = data if rng.random() < 0.8 else NO_RAM[0]
        self._set(OTHER, last, _leaf(target, self._flags()))
        top = (1 << 64) - (1 << 39) if giga >= 256 else 0
        self.pages += [
            top + (giga << 30) + data - RAM, RAM + (mega << 21) + data - RAM,
            RAM + (_OTHER_VPN1 << 21) + last * PAGE, (giga << 30) + (1 << 39) + data - RAM,
            (1 << 64) - PAGE,
        ]  # fmt: skip

    def finish(self, satp_mode: int = 8) -> None:
        """Write the tables to memory and name the root."""
        for address, entry in self.entries.items():
            self.b.put(address, entry.to_bytes(8, "little"))
        asid = self.b.rng.choice((0, 0, 1, 255))
        self.b.csr["satp"] = satp_mode << 60 | asid << 44 | ROOT >> 12


def data_access(b: Builder, base: int, misaligned: float) -> None:
    """A load, store or atomic near a base register."""
    rng = b.rng
    offset = rng.choice((0, 8, 16, 64, -8, rng.randrange(-128, 128) & ~7))
    if rng.random() < misaligned:
        offset += rng.randrange(8)
    kind = rng.randrange(8)
    if kind < 4:
        b.emit(asm.i(0x03, rng.randrange(7), b.target(), base, offset))
    elif kind < 7:
        b.emit(asm.s(rng.randrange(4), base, b.source(), offset))
    else:
        f5 = rng.choice((0, 1, 2, 2, 3, 3, 4, 8, 0x14, 0x18))
        rs2 = 0 if f5 == 2 else b.source()
        b.emit(asm.r(0x2F, rng.choice((2, 3)), f5 << 2, b.target(), base, rs2))


def paging_case(b: Builder, easy: float = 0.0) -> Case:
    """Loads, stores and atomics in S or U through random page tables."""
    priv = b.rng.choice((S, U))
    enter(b, priv)
    resume = delegation(b)
    if resume:
        b.csr["medeleg"] |= 0xB0FF
    handler(b, resume)
    tables = Tables(b, user_code=priv == U, easy=easy)
    tables.finish()
    for pointer in POINTERS:
        b.x[pointer] = _somewhere(b, tables)
    for _ in range(b.rng.randrange(2, 10)):
        data_access(b, b.rng.choice(POINTERS), 0.3)
        if b.rng.random() < 0.1 and priv == S:
            bits = b.holding(csrs.SUM | csrs.MXR)
            b.emit(asm.csr(b.rng.choice((2, 3)), 0, bits, NUMBER["sstatus"]))
    b.emit(asm.ECALL)
    return b.case()


def _somewhere(b: Builder, tables: Tables) -> int:
    page = b.rng.choice(tables.pages)
    inside = b.rng.choice((0, 8, 64, 2048, PAGE - 8, b.rng.randrange(0, PAGE, 8)))
    return (page + inside) & ((1 << 64) - 1)


def fetch_case(b: Builder, easy: float = 0.0) -> Case:
    """Jumps to pages that may or may not be executed, and code across a page border."""
    priv = b.rng.choice((S, U))
    enter(b, priv)
    b.csr["medeleg"] = b.rng.choice((0, 0, 0x1002))
    handler(b, False)
    tables = Tables(b, user_code=priv == U, easy=easy)
    tables.finish()
    page = b.rng.choice(tables.pages)
    inside = b.rng.choice((0, 8, PAGE - 2, PAGE - 2, PAGE - 4))
    words = b"".join(asm.addi(5, 5, k).to_bytes(4, "little") for k in range(4))
    words += asm.ECALL.to_bytes(4, "little")
    for start in range(DATA, DATA_END, PAGE):
        at = start + inside
        b.put(at, words[: DATA_END - at])
    b.emit(asm.i(0x67, 0, 1, b.holding((page + inside) & ((1 << 64) - 1)), 0))
    return b.case()


def mprv_case(b: Builder, easy: float = 0.0) -> Case:
    """Loads and stores of M with MPRV, as the mode in MPP."""
    enter(b, M)
    tables = Tables(b, user_code=False, easy=easy)
    tables.finish(b.rng.choice((0, 8, 8, 8)))
    for pointer in POINTERS:
        b.x[pointer] = _somewhere(b, tables)
    status = b.rng.choice((U, S, S, M)) << csrs.M_BITS | csrs.MPRV
    status |= b.rng.choice((0, csrs.SUM)) | b.rng.choice((0, csrs.MXR))
    b.emit(asm.csrw(NUMBER["mstatus"], b.holding(status)))
    for _ in range(b.rng.randrange(1, 4)):
        data_access(b, b.rng.choice(POINTERS), 0.2)
    b.emit(asm.ECALL)
    return b.case()


def region(b: Builder) -> tuple[int, int]:
    """A PMP address and configuration somewhere in the data pages."""
    rng = b.rng
    permission = rng.choice((0, 1, 3, 4, 5, 7))
    mode = rng.randrange(4)
    if mode == 3:
        size = rng.randrange(3, 15)  # 8 bytes to 16 KiB
        base = rng.randrange(DATA, DATA_END, 1 << size) >> size << size
        return base >> 2 | (1 << size - 3) - 1, permission | 3 << 3
    step = 4 if mode == 2 else rng.choice((8, 64, PAGE))
    return rng.randrange(DATA, DATA_END + 1, step) >> 2, permission | mode << 3


def protect(b: Builder) -> None:
    """Six random entries over the data pages, and a last one that opens everything."""
    config = 0
    for k in range(6):
        b.csr[f"pmpaddr{k}"], entry = region(b)
        config |= entry << 8 * k
    b.csr["pmpaddr6"] = ARENA + DATA_PAGE * PAGE >> 2
    b.csr["pmpaddr7"] = (1 << 54) - 1
    b.csr["pmpcfg0"] = config | (b.rng.choice((0x1F, 0x1F, 0x1D)) << 56)


def protection_case(b: Builder) -> Case:
    """Loads, stores and atomics under physical memory protection, with and without paging."""
    priv = b.rng.choice((S, U, M))
    enter(b, priv)
    resume = delegation(b)
    if resume:
        b.csr["medeleg"] |= 0xB0FF
    handler(b, resume)
    if b.rng.random() < 0.3:
        Tables(b, user_code=priv == U).finish()
    protect(b)
    if priv == M:
        status = b.rng.choice((U, S, M)) << csrs.M_BITS | csrs.MPRV
        b.emit(asm.csrw(NUMBER["mstatus"], b.holding(status)))
    for _ in range(b.rng.randrange(2, 10)):
        data_access(b, b.rng.choice(POINTERS), 0.1)
    b.emit(asm.ECALL)
    return b.case()


def ad_case(b: Builder) -> Case:
    """Cases of translation with A and D bits that software has to set; else pages mostly permit."""
    b.ad_faults = True
    make = b.rng.choice((paging_case, paging_case, fetch_case, mprv_case))
    return make(b, 0.9)
