"""Cases on our own engine: exactly as many steps as the oracle took."""

from __future__ import annotations

from isa.csrs import BY_NAME
from simvirt.core import engine
from simvirt.core.state import State
from tests.oracle.csr import TRIGGER_WORDS

from .case import COMPARED, WRITTEN, Case, Final, pages
from .layout import ARENA, ARENA_SIZE, ENTRY, MTIME, RAM

_STORED = [name for name in COMPARED if BY_NAME[name].kind == "plain" and name != "mip"]
_STORED += TRIGGER_WORDS
MMIO_REFUSED = 2
STEPS_PER_TICK = 10


class SimvirtRunner:
    """One machine of ours, reset for every case; ``variant`` names the kernel."""

    def __init__(self, variant: str = "fast") -> None:
        self._variant = variant
        self._state = State(ARENA - RAM + ARENA_SIZE, event_records=4096)

    def run(self, case: Case, steps: int, slices: int = 1) -> Final:
        """The state after ``steps`` steps, run in about equal ``slices``.

        RuntimeError when the engine comes out for a reason that no case should give.
        """
        self._start(case)
        done = 0
        for k in range(1, slices + 1):
            until = steps * k // slices
            self._advance(case, until - done)
            done = until
        return self._final()

    def _start(self, case: Case) -> None:
        state = self._state
        for array in (state.arrays.hart, state.arrays.mach, state.arrays.work, state.arrays.tlb):
            array[:] = 0
        state.regions.policy = state.regions.policy  # its part of the work words is zero now
        state.reset()
        state.forget_pages()
        state.set_mach("idle", MTIME * STEPS_PER_TICK)
        state.set_mach("ad_faults", int(case.ad_faults))
        state.write_ram(ARENA, bytes(ARENA_SIZE))
        for at, data in case.memory.items():
            state.write_ram(ARENA + at, bytes(data))
        for i in range(1, 32):
            state.set_hart(f"x{i}", case.x[i])
        state.set_hart("pc", ENTRY)
        for name, value in case.csr.items():
            fixed = state.hart("mstatus") & 0xF_0000_0000 if name == "mstatus" else 0
            state.set_hart(name, value | fixed)
        state.set_hart("irq_lines", case.lines & ~(1 << 7))
        state.set_hart("mtimecmp", 0 if case.lines >> 7 & 1 else (1 << 64) - 1)

    def _advance(self, case: Case, steps: int) -> None:
        """Run; whatever is not RAM refuses every access."""
        state = self._state
        end = state.mach("t") + steps
        while state.mach("t") < end:
            reason = engine.run(state, end - state.mach("t"), self._variant)
            if reason == "MMIO":
                state.set_work("mmio_ready", MMIO_REFUSED)
            elif reason == "EVENTS_FULL":
                state.set_work("event_count", 0)
            elif reason != "BUDGET":
                raise RuntimeError(f"case {case.name}: the engine came out with {reason}")

    def _final(self) -> Final:
        state = self._state
        x = (0, *(state.hart(f"x{i}") for i in range(1, 32)))
        csr = {name: state.hart(name) for name in _STORED}
        csr[WRITTEN] = state.hart("mip")
        csr["minstret"] = (
            state.mach("t") - state.hart("not_retired") + state.hart("minstret_base")
        ) & ((1 << 64) - 1)
        memory = pages(state.read_ram(ARENA, ARENA_SIZE))
        return Final(x, state.hart("pc"), state.hart("priv"), memory, csr)
