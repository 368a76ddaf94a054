"""LR, SC and AMO: aligned, in RAM, past the page caches."""


def atomic_address(m, va, width, access):
    """RAM offset of an LR, SC or AMO in work[offset]; misaligned and device accesses trap."""
    if va & (width - U1) != U0:
        return fail(m, (U64(6) if access == U1 else U4) + U1, va)
    status, pa = translate(m, va, access, width)
    if status != U0:
        return fail(m, status, va)
    if pa - RAM_BASE >= m.w[W_RAM_SIZE]:
        return fail(m, access_fault_cause(access) + U1, va)
    owned_access(m, pa, U1)
    watch(m, pa, width, access)
    m.w[W_OFFSET] = pa - RAM_BASE
    return True


def amo_address(m, va, width):
    """The same for an AMO, which is a load and a store."""
    if triggered(m, va, U3):
        return False
    return atomic_address(m, va, width, U1)


def load_reserved(m, va, width):
    """LR: load and reserve the aligned doubleword."""
    if triggered(m, va, U1) or not atomic_address(m, va, width, U0):
        return False
    offset = m.w[W_OFFSET]
    m.w[W_VALUE] = read_ram(m, offset, width)
    m.w[H_RESERVATION] = ((offset + RAM_BASE) & ~U7) + U1
    if m.w[M_HARTS] > U1:
        m.flags[offset >> U12] |= U64(FLAG_RESERVED)
    return True


def store_conditional(m, va, width, value):
    """SC: work[value] = 0 when the store happened, 1 when the reservation was lost."""
    if triggered(m, va, U2):
        return False
    held = m.w[H_RESERVATION]
    if va & (width - U1) != U0:
        return fail(m, U7, va)
    if held == U0:
        m.w[W_VALUE] = U1
        return True
    if not atomic_address(m, va, width, U1):
        return False
    offset = m.w[W_OFFSET]
    m.w[H_RESERVATION] = U0
    if held != ((offset + RAM_BASE) & ~U7) + U1:
        m.w[W_VALUE] = U1
        return True
    write_ram(m, offset, width, value)
    m.w[W_VALUE] = U0
    return True
