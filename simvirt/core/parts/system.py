"""CSR access and the privileged instructions.  Codes: 0 trap, 1 done, 2 done and look around."""


def csr_value(m, number):
    """What an instruction reads from an existing CSR (permission has been checked)."""
    row = CSR_ROW[number]
    kind = CSR_TABLE[row, 0]
    if kind == U64(CSR_PLAIN):
        return m.w[CSR_TABLE[row, 1]] & CSR_TABLE[row, 2]
    if kind == U64(CSR_SELECTED):
        return m.w[CSR_TABLE[row, 1] + m.w[H_TSELECT]] & CSR_TABLE[row, 2]
    if kind == U64(CSR_CONSTANT):
        return CSR_TABLE[row, 4]
    if kind == U64(CSR_MCYCLE):
        return retired(m) + m.w[H_EXTRA_CYCLES] + m.w[H_MCYCLE_BASE]
    if kind == U64(CSR_MINSTRET):
        return retired(m) + m.w[H_MINSTRET_BASE]
    if kind == U64(CSR_TIME):
        return ticks(m)
    if kind == U64(CSR_MIP):
        return pending(m)
    if kind == U64(CSR_SIP):
        return pending(m) & m.w[H_MIDELEG]
    return m.w[H_MIE] & m.w[H_MIDELEG]


def set_counter(m, base, value, now):
    """A write to a counter takes effect after this instruction has been counted."""
    m.w[base] += value - now - U1


def csr_set(m, number, value):
    """Write an existing, writable CSR through its legalization."""
    hart = m.w
    row = CSR_ROW[number]
    kind = CSR_TABLE[row, 0]
    slot = CSR_TABLE[row, 1]
    writable = CSR_TABLE[row, 3]
    if number >= U64(0x3B0) and number < U64(0x3B8):
        if address_locked(hart[H_PMPCFG0], number - U64(0x3B0)):
            return
    if kind == U64(CSR_SELECTED):
        slot += hart[H_TSELECT]
    if kind == U64(CSR_PLAIN) or kind == U64(CSR_SELECTED):
        old = hart[slot]
        full = (old & ~writable) | (value & writable)
        hart[slot] = legalize(CSR_TABLE[row, 5], old, full)
    elif kind == U64(CSR_MCYCLE):
        set_counter(m, H_MCYCLE_BASE, value, csr_value(m, number))
    elif kind == U64(CSR_MINSTRET):
        set_counter(m, H_MINSTRET_BASE, value, csr_value(m, number))
    elif kind == U64(CSR_MIP):
        writable = mip_writable(hart[H_MENVCFG])
        hart[H_MIP] = (hart[H_MIP] & ~writable) | (value & writable)
    elif kind == U64(CSR_SIP):
        allowed = writable & hart[H_MIDELEG]
        hart[H_MIP] = (hart[H_MIP] & ~allowed) | (value & allowed)
    elif kind == U64(CSR_SIE):
        allowed = writable & hart[H_MIDELEG]
        hart[H_MIE] = (hart[H_MIE] & ~allowed) | (value & allowed)


def csr_allowed(m, number, write):
    """Does the CSR exist, and may this mode access it so now?"""
    hart = m.w
    if CSR_ROW[number] == 0:
        return False
    priv = hart[H_PRIV]
    if not csr_permitted(number, priv, write, hart[H_MSTATUS]):
        return False
    if number == U64(0x14D):
        return stimecmp_enabled(priv, hart[H_MCOUNTEREN], hart[H_MENVCFG])
    if number >= U64(0xC00) and number < U64(0xC20):
        return counter_enabled(number, priv, hart[H_MCOUNTEREN], hart[H_SCOUNTEREN])
    return True


def csr_instruction(m, op, rd, source_field, source, number):
    """One CSR instruction; op is 0 for csrrw, 1 csrrs, 2 csrrc."""
    write = op == U0 or source_field != U0
    if not csr_allowed(m, number, write):
        return U0
    hart = m.w
    hart[H_EXTRA_CYCLES] += m.w[M_COST_CSR]
    old = csr_value(m, number)
    code = U1
    if write:
        # mip.SEIP reads as written bit OR line; a set or clear works on the written bit (3.1.9)
        base = old
        if number == U64(0x344):
            base = (old & ~U64(512)) | (hart[H_MIP] & U64(512))
        csr_set(m, number, csr_new_value(op, base, source))
        if CSR_TABLE[CSR_ROW[number], 6] != U0:
            code = U2
            # PMP and triggers decide which pages the caches may hold
            if number >= U64(0x3A0) and number < U64(0x3F0) or number >> U4 == U64(0x7A):
                forget_pages(m)
        priv = hart[H_PRIV]
        kind = K_CSR_WRITE if code == U2 else K_CSR_OTHER
        emit(m, kind, priv, priv, number, csr_value(m, number), old)
    hart[rd] = old
    return code


def mret_instruction(m):
    """Return from M."""
    hart = m.w
    if hart[H_PRIV] != U3:
        return U0
    mode = mret_mode(hart[H_MSTATUS])
    emit(m, K_XRET, U3, mode, hart[H_MEPC], U0, U0)
    hart[H_MSTATUS] = mret_mstatus(hart[H_MSTATUS])
    hart[H_PRIV] = mode
    hart[H_PC] = hart[H_MEPC]
    hart[H_EXTRA_CYCLES] += m.w[M_COST_XRET]
    return U2


def sret_instruction(m):
    """Return from S."""
    hart = m.w
    if not sret_permitted(hart[H_PRIV], hart[H_MSTATUS]):
        return U0
    mode = sret_mode(hart[H_MSTATUS])
    emit(m, K_XRET, hart[H_PRIV], mode, hart[H_SEPC], U0, U0)
    hart[H_MSTATUS] = sret_mstatus(hart[H_MSTATUS])
    hart[H_PRIV] = mode
    hart[H_PC] = hart[H_SEPC]
    hart[H_EXTRA_CYCLES] += m.w[M_COST_XRET]
    return U2


def wfi_instruction(m):
    """Wait: housekeeping comes out when nothing is pending."""
    hart = m.w
    if not wfi_permitted(hart[H_PRIV], hart[H_MSTATUS]):
        return U0
    emit(m, K_WFI, hart[H_PRIV], hart[H_PRIV], U0, U0, U0)
    hart[H_WAITING] = U1
    return U2


def same_superpage(key, va):
    """Does a TLB entry (any fragment of its leaf) translate va?"""
    shift = U12 + ((key >> U2) & U3) * U64(9)
    return (key ^ va) >> shift == U0


def sfence_instruction(m, rs1, rs2, va, asid):
    """Drop TLB entries: all, of an address, of an address space (4.2.1)."""
    hart = m.w
    priv = hart[H_PRIV]
    if not sfence_permitted(priv, hart[H_MSTATUS]):
        return U0
    for i in range(DTLB_ENTRIES + ITLB_ENTRIES):
        slot = U64(L_TLB) + U64(i) * U64(TLB_WORDS)
        if rs1 != U0 and not same_superpage(m.w[slot], va):
            continue
        keeps = m.w[slot + U1] != asid & U64(0xFF) or m.w[slot + U2] & U64(32) != U0
        if rs2 != U0 and keeps:
            continue
        m.w[slot] = U0
    forget_pages(m)
    hart[H_EXTRA_CYCLES] += m.w[M_COST_FENCE]
    emit(m, K_FENCE, priv, priv, va if rs1 != U0 else U0, asid if rs2 != U0 else U0, rs1)
    return U2
