"""Cases of PMP entries that are locked: they bind M, and nothing changes them until reset."""

from __future__ import annotations

from tests.oracle import csr as csrs
from tests.oracle.csr import NUMBER

from . import asm
from .builder import POINTERS, Builder
from .case import Case
from .layout import DATA, DATA_END, PAGE
from .privileged import M, S, U, delegation, enter, handler
from .translated import Tables, data_access, region
from .values import alu

LOCK, TOR, NAPOT = 0x80, 1 << 3, 3 << 3
RWX = 7


def _entry(b: Builder, index: int) -> tuple[int, int]:
    """Address and configuration of one entry: in the data pages, so that the harness can go on."""
    address, config = region(b)
    if b.rng.random() < 0.3:  # what permits something lets a program in M run on
        config |= b.rng.choice((1, 3, 7))
    config |= b.rng.choice((0, LOCK, LOCK))
    if index == 0 and config & 0x98 == LOCK | TOR:  # from address 0
        config ^= TOR
    return address, config & (0xFD if config & 3 == 2 else 0xFF)


def _protect(b: Builder) -> None:
    """Seven entries at random, and a last one that opens everything, mostly not locked."""
    configs = []
    for k in range(7):
        b.csr[f"pmpaddr{k}"], config = _entry(b, k)
        configs.append(config)
    last = b.rng.choice((0, LOCK)) | NAPOT | RWX
    b.csr["pmpaddr7"] = (1 << 54) - 1
    b.csr["pmpcfg0"] = int.from_bytes(bytes((*configs, last)), "little")


def _near_an_entry(b: Builder) -> int:
    """An address at the border of a region, or anywhere."""
    if b.rng.random() < 0.3:
        return b.rng.randrange(DATA, DATA_END - PAGE // 2, 8)
    edge = (b.csr[f"pmpaddr{b.rng.randrange(7)}"] << 2) & ~7
    return edge + b.rng.randrange(-16, 17, 8)


def _rewrite(b: Builder) -> None:
    """A write to the configuration or to an address, locked or not, read back; then a fence."""
    rng = b.rng
    if rng.random() < 0.4:
        entries = bytes(_entry(b, k)[1] for k in range(7))
        last = rng.choice((LOCK | NAPOT | RWX, NAPOT | RWX))
        number, value = NUMBER["pmpcfg0"], int.from_bytes(bytes((*entries, last)), "little")
    else:
        number, value = NUMBER[f"pmpaddr{rng.randrange(7)}"], region(b)[0]
    register = b.holding(value)
    if register:
        b.emit(asm.csr(1, b.target(), register, number))
    else:
        b.emit(asm.csr(rng.choice((2, 3)), b.target(), 0, number))
    b.emit(asm.SFENCE)


def locked_case(b: Builder) -> Case:
    """Accesses of every mode under locked entries; M also tries to change them."""
    priv = b.rng.choice((S, U, M, M, M))
    enter(b, priv)
    resume = delegation(b)
    if resume:
        b.csr["medeleg"] |= 0xB0FF
    handler(b, resume)
    if b.rng.random() < 0.3:
        Tables(b, user_code=priv == U, easy=0.8).finish()
    _protect(b)
    for pointer in POINTERS:
        b.x[pointer] = _near_an_entry(b)
    if priv == M and b.rng.random() < 0.3:
        status = b.rng.choice((U, S, M)) << csrs.M_BITS | csrs.MPRV
        b.emit(asm.csrw(NUMBER["mstatus"], b.holding(status)))
    for _ in range(b.rng.randrange(3, 12)):
        if priv == M and b.rng.random() < 0.4:
            _rewrite(b)
        elif b.rng.random() < 0.1:
            alu(b)
        else:
            data_access(b, b.rng.choice(POINTERS), 0.1)
    b.emit(asm.ECALL)
    b.locks = True
    return b.case()
