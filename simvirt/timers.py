"""The two timers of a hart, mtimecmp and Sstc's stimecmp: what they raise, and when."""

from __future__ import annotations

from simvirt.core.state import State

NEVER = (1 << 64) - 1
MTIE, STIE, STCE = 1 << 7, 1 << 5, 1 << 63


def pending(state: State, now: int) -> int:
    """mip as software of the hart whose turn it is reads it at `now`, in ticks."""
    bits = state.hart("mip") | state.hart("irq_lines")
    if now >= state.hart("mtimecmp"):
        bits |= MTIE
    if state.hart("menvcfg") & STCE:
        bits &= ~STIE
        if now >= state.hart("stimecmp"):
            bits |= STIE
    return bits


def wake_tick(state: State, hart: int) -> int:
    """The tick at which a timer that a hart has enabled next wakes it; NEVER: none does."""
    enabled = state.hart("mie", hart)
    tick = state.hart("mtimecmp", hart) if enabled & MTIE else NEVER
    if enabled & STIE and state.hart("menvcfg", hart) & STCE:
        tick = min(tick, state.hart("stimecmp", hart))
    return tick
