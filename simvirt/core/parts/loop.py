"""The interpreter's loop.  Lines marked ``traced`` exist in the traced variant only."""


def illegal(m, pc):
    """Illegal instruction: the trap value holds its bits (a choice of ours)."""
    done, word = instruction_bits(m, pc)
    return fail(m, U3, word)


def mark(m, kind, payload):
    """Latch a mark where no guest can read it, and record it."""
    m.w[M_MARK_KIND] = kind
    m.w[M_MARK_PAYLOAD] = payload
    emit(m, K_MARK, m.w[H_PRIV], m.w[H_PRIV], kind, payload, U0)
    if kind < U64(64) and (m.w[W_STOP_MARKS] >> kind) & U1 != U0:
        m.w[W_MARK_HIT] = U1
        m.w[W_STOP_REQUEST] = U1
        m.w[W_LIMIT] = U0


def restored(m, index, remembered):
    """What stands in `decoded` after the one execution: 0, or a region's entry if it still holds."""
    if remembered == U0:
        return U0
    valid = m.flags[index >> U64(11)] & U64(FLAG_REGION) != U0 and m.decoded[index] != U0
    return remembered if valid else m.decoded[index]


def run(m, ram16, ram32):
    """Step until something outside must act; returns the exit reason."""
    hart = mach = work = cache = m.w
    ram8, ram64, decoded, flags = m.ram8, m.ram64, m.decoded, m.flags
    # The loop carries the instruction's index in `decoded`, one load and one addition away from
    # the next; pc = 2 * at + delta is computed where it is needed.
    t = mach[M_T]
    delta = hart[H_PC]
    at = forget = remembered = U0
    work[W_LIMIT] = U0
    work[W_LOOP_BASE] = ALL_ONES
    while True:
        if t >= work[W_LIMIT]:
            hart[H_PC] = (at << U1) + delta
            mach[M_T] = t
            if forget != U0:
                decoded[forget - U1] = restored(m, forget - U1, remembered)
                forget = remembered = U0
            reason = housekeeping(m)
            if reason != U0:
                return reason
            t = mach[M_T]
            delta = hart[H_PC]
            at = U0
            work[W_LOOP_BASE] = ALL_ONES
            continue  # an interrupt may have been the last step of the budget
        if (at ^ work[W_LOOP_BASE]) > U64(2047):
            pc = (at << U1) + delta
            hart[H_PC] = pc
            mach[M_T] = t
            if not fetch_page(m, pc):
                work[W_LIMIT] = U0
                continue
            at = work[W_LOOP_BASE] + ((pc & U64(0xFFF)) >> U1)
            delta = pc - (at << U1)
        d = decoded[at]
        op = I64(d & U64(0xFF))
        following = at + U1 + ((d >> U64(26)) & U1)
        if op == 0:
            pc = (at << U1) + delta
            hart[H_PC] = pc
            mach[M_T] = t
            d = decode_at(m, pc)
            if d == U0 or decoded[at] != d:  # not to be remembered: for one execution only
                decoded[at] = d
                forget = at + U1
                work[W_LIMIT] = min(t + U1, work[W_LIMIT]) if d != U0 else U0
            continue
        elif op == OP_ILLEGAL:
            pc = (at << U1) + delta
            hart[H_PC] = pc
            mach[M_T] = t
            illegal(m, pc)
            work[W_LIMIT] = U0
            continue
        elif op == OP_REGION:
            mach[M_T] = t
            at = enter_region(m, d, delta, at)  # fast
            if mach[M_T] == t:  # this instruction needs the interpreter, once
                remembered = d
                decoded[at] = work[region_entry(d) + U2]
                forget = at + U1
                work[W_LIMIT] = min(t + U1, work[W_LIMIT])
            t = mach[M_T]
            continue
        # DISPATCH
        elif op == OP_MARK:
            hart[H_PC] = (at << U1) + delta
            mach[M_T] = t
            mark(m, (d >> U64(32)) & U64(0xFFF), hart[(d >> U16) & U64(31)])
        elif op == OP_STOP:
            work[W_STOP_REQUEST] = U1
            work[W_LIMIT] = U0
            continue
        hart[H_PC] = (at << U1) + delta  # traced
        mach[M_T] = t  # traced
        npc = (following << U1) + delta  # traced
        emit(m, K_RETIRE, hart[H_PRIV], hart[H_PRIV], d, hart[(d >> U8) & U63], npc)  # traced
        at = following
        t += U1
