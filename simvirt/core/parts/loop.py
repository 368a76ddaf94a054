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


def run(m, ram16, ram32):
    """Step until something outside must act; returns the exit reason."""
    hart = mach = work = cache = m.w
    ram8, ram64, decoded, flags = m.ram8, m.ram64, m.decoded, m.flags
    pc, t = hart[H_PC], mach[M_T]
    limit = U0
    page, base, dctx = ~pc, U0, U0
    while True:
        if t >= limit:
            hart[H_PC] = pc
            mach[M_T] = t
            reason = housekeeping(m)
            pc, t = hart[H_PC], mach[M_T]
            if reason != U0:
                return reason
            limit, dctx, page = work[W_LIMIT], work[W_DATA_CONTEXT], ~pc
            continue  # an interrupt may have been the last step of the budget
        if (pc ^ page) > U64(0xFFF):
            hart[H_PC] = pc
            mach[M_T] = t
            if not fetch_page(m, pc):
                limit = U0
                continue
            page = pc & PAGE_MASK
            base = work[W_LOOP_BASE]
            limit = work[W_LIMIT]
        d = decoded[base + ((pc & U64(0xFFF)) >> U1)]
        if d == U0:
            hart[H_PC] = pc
            mach[M_T] = t
            d = decode_at(m, pc)
            if d == U0:
                limit = U0
                continue
        op = I64(d & U64(0xFF))
        rd = (d >> U8) & U63
        rs1 = (d >> U16) & U64(31)
        a = hart[rs1]
        b = hart[(d >> U64(21)) & U64(31)]
        imm = U64(I64(d) >> I64(32))
        npc = pc + U2 + ((d >> U64(25)) & U2)
        if op == OP_MARK:
            hart[H_PC] = pc
            mach[M_T] = t
            mark(m, imm & U64(0xFFF), a)
            limit = work[W_LIMIT]
        # DISPATCH
        elif op == OP_STOP:
            work[W_STOP_REQUEST] = U1
            limit = U0
            continue
        else:
            hart[H_PC] = pc
            mach[M_T] = t
            illegal(m, pc)
            limit = U0
            continue
        hart[H_PC] = pc  # traced
        mach[M_T] = t  # traced
        emit(m, K_RETIRE, hart[H_PRIV], hart[H_PRIV], d, hart[rd], npc)  # traced
        limit = min(limit, work[W_LIMIT])  # traced
        pc = npc
        t += U1
