"""Cases of breakpoint triggers, set on addresses that the case's own instructions access.

What is accessed, the oracle tells: a case is first run with its triggers disarmed.
"""

from __future__ import annotations

from dataclasses import replace

from tests.oracle import csr as csrs
from tests.oracle.csr import MIE, MPIE, NUMBER, SIE

from . import asm
from .builder import POINTERS, Builder
from .case import Case
from .layout import CODE, DATA, DATA_END, STEP_LIMIT
from .oracle_runner import ended, start
from .privileged import M, S, U, delegation, enter, handler
from .translated import Tables, data_access
from .values import alu, compressed

MCONTROL6, DISABLED = 6 << 60, 15 << 60
MODE_BIT = {U: 8, S: 16, M: 64}
ANY_MODE = 8 | 16 | 64
Access = tuple[int, int, int]  # kinds, address, mode, as the oracle lists them


def trigger_case(b: Builder) -> Case:
    """A program in any mode, with paging or without; every other one in M sets triggers itself."""
    priv = b.rng.choice((M, M, M, S, S, U, U))
    arms = priv == M and b.rng.random() < 0.5
    enter(b, priv)
    b.csr["mstatus"] |= b.rng.choice((0, SIE)) | b.rng.choice((0, MPIE))  # mie is 0 throughout
    _delegate(b)
    if b.rng.random() < 0.5:
        Tables(b, user_code=priv == U, easy=0.8).finish()
    if priv == M and b.rng.random() < 0.3:
        status = b.rng.choice((U, S, M)) << csrs.M_BITS | csrs.MPRV | csrs.SUM
        b.emit(asm.csr(2, 0, b.holding(status), NUMBER["mstatus"]))
    b.csr["tselect"] = b.rng.randrange(2)
    addresses = [_arm(b) for _ in range(b.rng.randrange(3))] if arms else []
    for _ in range(b.rng.randrange(3, 12)):
        _operation(b, priv, arms)
    b.emit(asm.ECALL)
    return _armed(b, b.case(), [register for register in addresses if register])


def _delegate(b: Builder) -> None:
    """Breakpoints of S and U go to S in half of the cases; its handler goes on after them."""
    resume = delegation(b)
    if resume:
        b.csr["medeleg"] |= 0xB0F7
    b.csr["medeleg"] = b.csr["medeleg"] & ~8 | b.rng.choice((0, 8))
    handler(b, resume)


def _arm(b: Builder) -> int:
    """Instructions that set a trigger; the register that holds its address, chosen later."""
    rng, address = b.rng, b.holding(0)
    number, control = b.holding(rng.choice((0, 1, 1, 2))), b.holding(_control(b, M, 0))
    if not control:
        return 0
    b.emit(asm.csr(rng.choice((1, 2)), b.target(), number, NUMBER["tselect"]))
    words = [asm.csrw(NUMBER["tdata1"], control), asm.csrw(NUMBER["tdata2"], address)]
    rng.shuffle(words)
    b.emit(*words)
    return address


def _operation(b: Builder, priv: int, arms: bool) -> None:
    kind = b.rng.randrange(10)
    if kind < 6:
        data_access(b, b.rng.choice(POINTERS), 0.15)
    elif kind == 6:
        compressed(b)
    elif kind == 7 and arms:
        _register(b)
    elif kind == 7 and priv != U:
        _switch(b, priv)
    elif kind == 8 and b.rng.random() < 0.3:
        b.emit(b.rng.choice((asm.EBREAK, asm.SFENCE, asm.FENCE_I, 0xFFFFFFFF)))
    else:
        alu(b)


def _switch(b: Builder, priv: int) -> None:
    """Set or clear what decides whether triggers are held back."""
    name, enable = ("mstatus", b.rng.choice((MIE, MIE, SIE))) if priv == M else ("sstatus", SIE)
    b.emit(asm.csr(b.rng.choice((6, 7)), 0, enable, NUMBER[name]))


def _register(b: Builder) -> None:
    """One CSR instruction on a register of the triggers."""
    name = b.rng.choice((*csrs.TRIGGER_NAMES, "tselect"))
    value = b.rng.randrange(3) if name == "tselect" else None
    if name == "tdata1" and b.rng.random() < 0.7:
        value = _control(b, M, 0)
    source = b.holding(b.value() if value is None else value)
    b.emit(asm.csr(b.rng.choice((1, 2, 3)), b.target(), source, NUMBER[name]))


def _control(b: Builder, mode: int, kinds: int) -> int:
    """A tdata1: mostly one that these accesses in this mode fire."""
    if b.rng.random() < 0.05:
        return b.value()
    bits = b.rng.getrandbits(7) & (ANY_MODE | 7)
    bits |= b.rng.choice((MODE_BIT[mode], MODE_BIT[mode], ANY_MODE, 0))
    bits |= b.rng.choice((kinds, kinds or 7, 7, 0))
    bits &= ~b.rng.choice((0, 4)) if kinds & 3 else ~0
    return b.rng.choice((MCONTROL6,) * 9 + (DISABLED,)) | bits


def _armed(b: Builder, case: Case, registers: list[int]) -> Case:
    """The case with its triggers set on what it accesses when none is set."""
    x, accesses = list(case.x), _accesses(case)  # `registers` are 0 yet: no access is there
    for register in registers:
        x[register] = _chosen(b, accesses)[1]
    words: dict[str, int] = {}
    for n in range(2):
        kinds, address, mode = _chosen(b, accesses)
        words[f"tdata1_{n}"] = _legal(_control(b, mode, kinds))
        words[f"tdata2_{n}"] = address
    if b.rng.random() < 0.1:
        words = {}
    return replace(case, x=tuple(x), csr=case.csr | words)


def _legal(control: int) -> int:
    return control & (0xF << 60 | ANY_MODE | 7) if control >> 60 == 6 else DISABLED


def _accesses(case: Case) -> list[Access]:
    """What a case accesses after its first instruction."""
    o = start(case)
    for _ in range(STEP_LIMIT):
        if ended(o):
            break
        o.step()
    return [access for access in o.accesses if CODE <= access[1] < 1 << 63][:40]


def _chosen(b: Builder, accesses: list[Access]) -> Access:
    """An access, mostly of data; sometimes one beside it or one that does not happen."""
    rng = b.rng
    data = [access for access in accesses if access[0] != 4]
    kinds, address, mode = rng.choice(data if data and rng.random() < 0.7 else accesses)
    chance = rng.random()
    if chance < 0.15:
        address += rng.choice((-4, -1, 1, 2, 4, 8))
    elif chance < 0.2:
        address = rng.randrange(DATA, DATA_END)
    return kinds, address, mode
