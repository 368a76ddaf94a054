"""Traps, interrupts, time, events: everything that happens between two instructions."""


def emit(m, kind, mode_from, mode_to, a, b, c):
    """Record an event if its kind is selected; ask to come out if it is a stop."""
    work = m.w
    bit = U1 << kind
    if work[W_STOP_MASK] & bit != U0:
        work[W_STOP_REQUEST] = U1
        work[W_LIMIT] = U0
    if work[W_EVENT_MASK] & bit == U0:
        return
    hart = m.w
    at = work[W_EVENT_COUNT]
    record = m.events[at * U8 : at * U8 + U8]
    record[0] = kind | (mode_from << U16) | (mode_to << U64(24)) | (work[W_OWNER] << U64(32))
    record[0] |= work[M_CURRENT] << U64(40)
    record[1] = m.w[M_T]
    record[2] = retired(m) + hart[H_EXTRA_CYCLES]
    record[3] = hart[H_PC]
    record[4] = a
    record[5] = b
    record[6] = c
    record[7] = retired(m)
    work[W_EVENT_COUNT] = at + U1
    if at + U64(EVENT_MARGIN) >= U64(len(m.events) >> 3):
        work[W_LIMIT] = U0


def retired(m):
    """Instructions retired before the current step."""
    return m.w[M_T] - m.w[H_NOT_RETIRED]


def ticks(m):
    """mtime: the 10 MHz timebase runs once per ten steps of each hart."""
    return (m.w[M_T] // m.w[M_HARTS] + m.w[M_IDLE]) // U64(10)


def pending(m):
    """mip as software reads it: written bits, outside lines, and the two timers."""
    return pending_in(m, U0)


def pending_in(m, bank):
    """The same for a hart whose words stand at `bank` (0: the one whose turn it is)."""
    w = m.w
    bits = w[bank + U64(H_MIP)] | w[bank + U64(H_IRQ_LINES)]
    now = ticks(m)
    if now >= w[bank + U64(H_MTIMECMP)]:
        bits |= U64(128)
    if w[bank + U64(H_MENVCFG)] >> U63 != U0:
        bits &= ~U64(32)
        if now >= w[bank + U64(H_STIMECMP)]:
            bits |= U64(32)
    return bits


def timer_deadline(m, now):
    """The t at which the next comparator fires, or all ones."""
    hart = m.w
    tick = hart[H_MTIMECMP] if hart[H_MTIMECMP] > now else ALL_ONES
    if hart[H_MENVCFG] >> U63 != U0 and hart[H_STIMECMP] > now and hart[H_STIMECMP] < tick:
        tick = hart[H_STIMECMP]
    if tick >= U64(1) << U64(60):
        return ALL_ONES
    return (tick * U64(10) - m.w[M_IDLE]) * m.w[M_HARTS]


def count_repeats(m, cause, tval):
    """Identical traps with nothing retired between them: a machine that gets nowhere."""
    hart = m.w
    same = hart[H_TRAP_CAUSE] == cause and hart[H_TRAP_PC] == hart[H_PC]
    if same and hart[H_TRAP_TVAL] == tval and hart[H_TRAP_INSTRET] == retired(m):
        hart[H_TRAP_REPEATS] += U1
    else:
        hart[H_TRAP_REPEATS] = U1
    hart[H_TRAP_CAUSE] = cause
    hart[H_TRAP_PC] = hart[H_PC]
    hart[H_TRAP_TVAL] = tval
    hart[H_TRAP_INSTRET] = retired(m)


def take_trap(m, cause, tval, interrupt):
    """Enter the handler in M or S (interrupt: 0 or 1); this is a step of its own."""
    hart = m.w
    priv = hart[H_PRIV]
    full = cause | (interrupt << U63)
    asynchronous = interrupt != U0
    count_repeats(m, full, tval)
    to_s = delegated(cause, asynchronous, priv, hart[H_MEDELEG], hart[H_MIDELEG])
    emit(m, K_TRAP, priv, U1 if to_s else U3, full, tval, U0)
    if m.w[W_OWNER] != U0:  # the guest has stopped: the trap's cost is not its own
        change_owner(m, U0)
    if to_s:
        hart[H_SEPC] = hart[H_PC]
        hart[H_SCAUSE] = full
        hart[H_STVAL] = tval
        hart[H_MSTATUS] = enter_s(hart[H_MSTATUS], priv)
        hart[H_PRIV] = U1
        hart[H_PC] = vector(hart[H_STVEC], asynchronous, cause)
    else:
        hart[H_MEPC] = hart[H_PC]
        hart[H_MCAUSE] = full
        hart[H_MTVAL] = tval
        hart[H_MSTATUS] = enter_m(hart[H_MSTATUS], priv)
        hart[H_PRIV] = U3
        hart[H_PC] = vector(hart[H_MTVEC], asynchronous, cause)
    hart[H_EXTRA_CYCLES] += m.w[M_COST_TRAP]
    hart[H_NOT_RETIRED] += U1
    m.w[M_T] += U1


def forget_data_pages(m):
    """Empty the page caches of loads and stores."""
    m.w[L_LOAD_TAG:L_LOAD_ADD] = U0
    m.w[L_STORE_TAG:L_STORE_ADD] = U0


def change_owner(m, owner):
    """Law 6: frames of a VM are executed in U only; the page caches never outlive an owner."""
    if owner != U0 and m.w[H_PRIV] != U0:
        m.w[M_VIOLATIONS] += U1
        emit(m, K_VIOLATION, m.w[H_PRIV], m.w[H_PRIV], U0, m.w[H_PC], owner)
    old = m.w[W_OWNER]
    if owner != old:
        forget_data_pages(m)
        emit(m, K_OWNER, m.w[H_PRIV], m.w[H_PRIV], old, owner, U0)
        m.w[W_OWNER] = owner


def data_context(m):
    """Tag bits under which loads and stores are cached: address space and what it permits."""
    hart = m.w
    priv = data_mode(hart[H_PRIV], hart[H_MSTATUS])
    if priv == U3:
        return U1
    if hart[H_SATP] >> U64(60) == U0:
        return U2
    mxr = (hart[H_MSTATUS] >> U64(19)) & U1
    asid = (hart[H_SATP] >> U64(40)) & U64(0xFF0)
    if priv == U0:
        return asid | (U3 + mxr)
    sum_ = (hart[H_MSTATUS] >> U64(18)) & U1
    return asid | (U64(5) + sum_ + U2 * mxr)


def housekeeping(m):
    """All that is due at this t: the unfinished instruction, stops, timers, interrupts.

    Returns an exit reason, or 0 to go on until work[limit].
    """
    work = m.w
    hart = m.w
    status = work[W_STATUS]
    if status != U0:
        work[W_STATUS] = U0
        if status == U64(STATUS_MMIO):
            return U64(X_MMIO)
        take_trap(m, status - U1, work[W_TVAL], U0)
    if work[W_MMIO_READY] != U0:  # first let the waiting instruction complete
        set_limit(m)
        work[W_LIMIT] = m.w[M_T] + U1
        return U0
    if work[W_STOP_REQUEST] != U0:
        work[W_STOP_REQUEST] = U0
        return U64(X_STOP)
    if work[W_EVENT_COUNT] + U64(EVENT_MARGIN) > U64(len(m.events) >> 3):
        return U64(X_EVENTS_FULL)
    if hart[H_TRAP_REPEATS] >= U64(REPEATED_TRAPS):
        return U64(X_NO_PROGRESS)
    if m.w[M_T] >= work[W_END]:
        return U64(X_BUDGET)
    if work[W_STOP] != U0:
        return U64(X_STOP)
    if m.w[M_T] >= work[M_TURN_END]:
        next_hart(m)
    bits = pending(m) & hart[H_MIE]
    if hart[H_WAITING] != U0:
        if bits == U0:
            if all_wait(m):
                return U64(X_WFI)
            wait_in_turn(m)
            return U0
        hart[H_WAITING] = U0
    if bits != U0:
        choice = interrupt_choice(bits, hart[H_MSTATUS], hart[H_PRIV], hart[H_MIDELEG])
        if choice != U0:
            take_trap(m, choice - U1, U0, U1)
            work[W_LIMIT] = U0  # look again: budget, stops and the event ring
            return U0
    set_limit(m)
    return U0


def sample(m):
    """Note which instruction comes next, for those who look for hot code."""
    work = m.w
    work[W_SAMPLE_AT] = work[M_T] + work[W_SAMPLE_STEPS]
    pc = work[H_PC]
    if fetch_cached(m, pc):
        at = work[U64(L_FETCH_ADD) + ((pc >> U12) & U64(ITLB_ENTRIES - 1))]
        work[U64(L_SAMPLES) + work[W_SAMPLES] % U64(SAMPLES)] = at + ((pc & U64(0xFFF)) >> U1)
        work[W_SAMPLES] += U1


def set_limit(m):
    """Come out at the budget's end, at the next timer, to take a sample or look at the stop word."""
    work = m.w
    t = m.w[M_T]
    if work[W_SAMPLE_AT] - t - U1 >= work[W_SAMPLE_STEPS]:  # passed, or t was set back
        sample(m)
    limit = min(work[W_END], work[W_SAMPLE_AT])
    limit = min(limit, work[M_TURN_END])
    deadline = timer_deadline(m, ticks(m))
    work[W_LIMIT] = min(limit, deadline)
    work[W_DATA_CONTEXT] = data_context(m)
