"""Trap entry, delegation, interrupt choice and return (privileged manual, 3.1.6-3.1.9, 3.3.2).

Functions from field values to field values; ``simvirt.core`` moves the results into the hart.
"""

from isa.bits import add, and_, any_bits, clear, eq, field, insert, lt_u, ne, or_, select, shl, shr


def delegated(cause: int, interrupt: bool, priv: int, medeleg: int, mideleg: int) -> bool:
    """Is the trap taken in S instead of M?  Never from M (3.1.8)."""
    if eq(priv, 3):
        return False
    return any_bits(shr(select(interrupt, mideleg, medeleg), cause), 1)


def enter_m(mstatus: int, priv: int) -> int:
    """mstatus after a trap into M: MPP and MPIE remember, MIE is off (3.1.6.1)."""
    saved = insert(insert(mstatus, 7, 1, field(mstatus, 3, 1)), 11, 2, priv)
    return clear(saved, 8)


def enter_s(mstatus: int, priv: int) -> int:
    """mstatus after a trap into S: SPP and SPIE remember, SIE is off (3.1.6.1)."""
    saved = insert(insert(mstatus, 5, 1, field(mstatus, 1, 1)), 8, 1, priv)
    return clear(saved, 2)


def vector(tvec: int, interrupt: bool, cause: int) -> int:
    """Where the handler starts: vectored interrupts go to BASE + 4 x cause (3.1.7)."""
    base = clear(tvec, 3)
    offset = select(interrupt and eq(field(tvec, 0, 2), 1), shl(cause, 2), 0)
    return add(base, offset)


def mret_mode(mstatus: int) -> int:
    """The mode that mret returns to (3.3.2)."""
    return field(mstatus, 11, 2)


def mret_mstatus(mstatus: int) -> int:
    """mstatus after mret: MIE = MPIE, MPIE = 1, MPP = U, MPRV cleared unless to M (3.1.6.1)."""
    restored = or_(insert(mstatus, 3, 1, field(mstatus, 7, 1)), 128)
    kept = select(eq(field(mstatus, 11, 2), 3), restored, clear(restored, 131072))
    return insert(kept, 11, 2, 0)


def sret_mode(mstatus: int) -> int:
    """The mode that sret returns to (3.3.2)."""
    return field(mstatus, 8, 1)


def sret_mstatus(mstatus: int) -> int:
    """mstatus after sret: SIE = SPIE, SPIE = 1, SPP = U, MPRV cleared (3.1.6.1)."""
    restored = or_(insert(mstatus, 1, 1, field(mstatus, 5, 1)), 32)
    return clear(restored, 131328)


def interrupt_choice(pending: int, mstatus: int, priv: int, mideleg: int) -> int:
    """The interrupt to take among mip & mie, plus 1; 0 for none (3.1.9).

    M-level interrupts first; within a level external, software, timer.
    """
    m_on = lt_u(priv, 3) or any_bits(mstatus, 8)
    s_on = lt_u(priv, 1) or (eq(priv, 1) and any_bits(mstatus, 2))
    for_m = select(m_on, clear(pending, mideleg), 0)
    for_s = select(s_on and lt_u(priv, 3), and_(pending, mideleg), 0)
    return first_interrupt(select(ne(for_m, 0), for_m, for_s))


def first_interrupt(pending: int) -> int:
    """Priority order MEI, MSI, MTI, SEI, SSI, STI; result + 1, 0 for none (3.1.9)."""
    below = select(any_bits(pending, 2), 2, select(any_bits(pending, 32), 6, 0))
    supervisor = select(any_bits(pending, 512), 10, below)
    timer = select(any_bits(pending, 128), 8, supervisor)
    machine = select(any_bits(pending, 8), 4, timer)
    return select(any_bits(pending, 2048), 12, machine)


def wfi_permitted(priv: int, mstatus: int) -> bool:
    """wfi traps in U always, in S when TW is set (3.1.6.5; a choice of ours for U)."""
    return eq(priv, 3) or (eq(priv, 1) and not any_bits(mstatus, 2097152))


def sret_permitted(priv: int, mstatus: int) -> bool:
    """sret needs S, and TSR clear when in S (3.1.6.5)."""
    return eq(priv, 3) or (eq(priv, 1) and not any_bits(mstatus, 4194304))


def sfence_permitted(priv: int, mstatus: int) -> bool:
    """sfence.vma needs S, and TVM clear when in S (3.1.6.5)."""
    return eq(priv, 3) or (eq(priv, 1) and not any_bits(mstatus, 1048576))


def data_mode(priv: int, mstatus: int) -> int:
    """The mode in which loads and stores are translated and checked: MPP under MPRV (3.1.6.3)."""
    return select(any_bits(mstatus, 131072) and eq(priv, 3), field(mstatus, 11, 2), priv)
