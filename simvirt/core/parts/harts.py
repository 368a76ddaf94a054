"""Several harts take turns: all but one are laid aside in banks of words."""


def bank(hart):
    """Where the words of a hart that is laid aside begin."""
    return U64(L_BANKS) + hart * U64(BANK_WORDS)


def copy_words(m, target, source, count):
    """Words from one place to another."""
    for i in range(count):
        m.w[target + U64(i)] = m.w[source + U64(i)]


def lay_aside(m):
    """The current hart's turn is over."""
    w = m.w
    w[H_LEFT_AT] = w[M_T]
    at = bank(w[M_CURRENT])
    copy_words(m, at, U0, HART_WORDS)
    copy_words(m, at + U64(HART_WORDS), U64(L_TLB), L_END_OF_HART - L_TLB)
    w[at + U64(BANK_WORDS - 1)] = w[W_OWNER]


def take_up(m, hart):
    """A hart's turn begins; the steps of the others are none of its own."""
    w = m.w
    at = bank(hart)
    copy_words(m, U0, at, HART_WORDS)
    copy_words(m, U64(L_TLB), at + U64(HART_WORDS), L_END_OF_HART - L_TLB)
    w[W_OWNER] = w[at + U64(BANK_WORDS - 1)]
    w[M_CURRENT] = hart
    w[H_NOT_RETIRED] += w[M_T] - w[H_LEFT_AT]


def next_hart(m):
    """The next hart has its turn: a quantum, or with a seed half a quantum to one and a half."""
    w = m.w
    lay_aside(m)
    take_up(m, (w[M_CURRENT] + U1) % w[M_HARTS])
    length = w[M_QUANTUM]
    x = w[M_TURN_RANDOM]
    if x != U0:  # xorshift (Marsaglia 2003)
        x ^= x << U64(13)
        x ^= x >> U7
        x ^= x << U64(17)
        w[M_TURN_RANDOM] = x
        length = (length >> U1) + x % (length + U1)
    w[M_TURN_END] = w[M_T] + max(length, U1)


def all_wait(m):
    """The current hart waits: do all the others, with nothing pending?"""
    w = m.w
    for i in range(w[M_HARTS]):
        at = bank(U64(i))
        if U64(i) == w[M_CURRENT]:
            continue
        if w[at + U64(H_WAITING)] == U0 or pending_in(m, at) & w[at + U64(H_MIE)] != U0:
            return False
    return True


def wait_in_turn(m):
    """A waiting hart's turn counts as taken, up to its timer or the end of the budget."""
    w = m.w
    t = w[M_T]
    end = min(w[M_TURN_END], w[W_END])
    end = min(end, timer_deadline(m, ticks(m)))
    w[H_NOT_RETIRED] += end - t
    w[M_T] = end
    w[W_LIMIT] = U0


def break_reservations(m, offset, width):
    """A store takes away what other harts have reserved; their own stores do not (8.2)."""
    w = m.w
    first = (offset + RAM_BASE) & ~U7
    last = (offset + width - U1 + RAM_BASE) & ~U7
    left = U0
    for i in range(w[M_HARTS]):
        current = U64(i) == w[M_CURRENT]
        at = U64(H_RESERVATION) + (U0 if current else bank(U64(i)))
        held = w[at] - U1
        if w[at] == U0:
            continue
        if not current and (held == first or held == last):
            w[at] = U0
        elif (held ^ (offset + RAM_BASE)) >> U12 == U0:
            left = U1
    if left == U0:
        m.flags[offset >> U12] &= ~U64(FLAG_RESERVED)
