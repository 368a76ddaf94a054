"""Cases on the reference evaluation of ``isa``: exactly as many steps as the oracle took."""

from __future__ import annotations

from isa.csrs import BY_NAME
from tests.core.reference import Reference
from tests.oracle.csr import TRIGGER_WORDS

from .case import COMPARED, WRITTEN, Case, Final, pages
from .layout import ARENA, ARENA_SIZE, ENTRY, MTIME

_PLAIN = [name for name in COMPARED if BY_NAME[name].kind == "plain" and name != "mip"]
_STORED = (*_PLAIN, *TRIGGER_WORDS)
_FIXED = 0xA_0000_0000  # SXL and UXL of mstatus


def start(case: Case) -> Reference:
    """A reference machine in the start state of a case."""
    m = Reference(ARENA, ARENA_SIZE)
    m.x, m.pc, m.lines, m.mtime = list(case.x), ENTRY, case.lines, MTIME
    m.ad_faults = case.ad_faults
    for name, value in case.csr.items():
        m.csr[name] = value | (_FIXED if name == "mstatus" else 0)
    for at, data in case.memory.items():
        m.mem[at : at + len(data)] = data
    return m


def run(case: Case, steps: int) -> Final:
    """The state after so many steps."""
    m = start(case)
    for _ in range(steps):
        m.step()
    csr = {name: m.csr[name] for name in _STORED}
    csr |= {"minstret": m.minstret, WRITTEN: m.csr["mip"]}
    return Final(tuple(m.x), m.pc, m.priv, pages(bytes(m.mem)), csr)
