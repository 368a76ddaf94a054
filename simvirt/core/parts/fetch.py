"""Instruction fetch: translation of the page, decoding, the decode cache."""


def fetch_context(m):
    """Tag bits under which fetch pages are cached."""
    hart = m.w
    priv = hart[H_PRIV]
    if priv == U3:
        return U1
    if hart[H_SATP] >> U64(60) == U0:
        return U2
    return ((hart[H_SATP] >> U64(40)) & U64(0xFF0)) | (U3 if priv == U0 else U4)


def fetch_cached(m, pc):
    """Is the page of pc in the page cache: translated, and of one protection?"""
    i = (pc >> U12) & U64(ITLB_ENTRIES - 1)
    return m.w[U64(L_FETCH_TAG) + i] == (pc & PAGE_MASK) | fetch_context(m)


def fetch_page(m, pc):
    """Find the page that holds pc: work[fetch_base] is its place in the decode cache."""
    i = (pc >> U12) & U64(ITLB_ENTRIES - 1)
    tag = (pc & PAGE_MASK) | fetch_context(m)
    if m.w[U64(L_FETCH_TAG) + i] != tag:
        if triggered(m, pc, U4):  # in front of everything else that fetching may raise
            return False
        status, pa = translate(m, pc, U2, U2)
        if status != U0:
            return fail(m, status, pc)
        offset = (pa & PAGE_MASK) - RAM_BASE
        if offset >= m.w[W_RAM_SIZE]:
            return fail(m, access_fault_cause(U2) + U1, pc)
        m.w[U64(L_FETCH_ADD) + i] = offset >> U1
        one = pmp_check(m, pa & PAGE_MASK, U64(4096), U2, m.w[H_PRIV]) == U1
        if one and not trigger_page(m, pc, U4):
            m.w[U64(L_FETCH_TAG) + i] = tag
    base = m.w[U64(L_FETCH_ADD) + i]
    m.w[W_FETCH_BASE] = base
    # a page of mixed protection or with a trigger is decoded anew at each step: the loop sees zeros
    m.w[W_LOOP_BASE] = base if m.w[U64(L_FETCH_TAG) + i] == tag else U64(len(m.decoded) - 2048)
    change_owner(m, U64(m.owner[base >> U64(11)]))
    return True


def halfword(m, index):
    """16 bits of RAM; `index` counts halfwords."""
    return U64(m.ram8[index * U2]) | (U64(m.ram8[index * U2 + U1]) << U8)


def second_half(m, pc):
    """The upper 16 bits of an instruction that crosses a page: (done, bits)."""
    status, pa = translate(m, pc + U2, U2, U2)
    if status != U0:
        return fail(m, status, pc + U2), U0
    if pa - RAM_BASE >= m.w[W_RAM_SIZE]:
        return fail(m, access_fault_cause(U2) + U1, pc + U2), U0
    if m.w[W_OWNER] != U0:
        owned_access(m, pa, U1)
    return True, halfword(m, (pa - RAM_BASE) >> U1)


def instruction_bits(m, pc):
    """(done, bits) of the instruction at pc on the current page."""
    index = m.w[W_FETCH_BASE] + ((pc & U64(0xFFF)) >> U1)
    word = halfword(m, index)
    if word & U3 != U3:
        return True, word
    if pc & U64(0xFFF) == U64(0xFFE):
        done, high = second_half(m, pc)
    else:
        done, high = True, halfword(m, index + U1)
    return done, word | (high << U16)


def executable(m, pc, word):
    """The PMP must allow every byte of an instruction on a page of mixed protection."""
    if fetch_cached(m, pc):
        return True
    width = U4 if word & U3 == U3 and pc & U64(0xFFF) != U64(0xFFE) else U2
    pa = (m.w[W_FETCH_BASE] << U1) + RAM_BASE + (pc & U64(0xFFF))
    return pmp_check(m, pa, width, U2, m.w[H_PRIV]) == U1


def decode_at(m, pc):
    """The decoded word at pc, remembered when it lies on one page; 0 when fetching failed."""
    if not fetch_cached(m, pc) and triggered(m, pc, U4):
        return U0
    done, word = instruction_bits(m, pc)
    if not done:
        return U0
    if not executable(m, pc, word):
        fail(m, access_fault_cause(U2) + U1, pc)
        return U0
    packed = decode_word(word)
    base = m.w[W_FETCH_BASE]
    page = base >> U64(11)
    if m.flags[page] & U64(FLAG_BREAKPOINT) != U0 and breakpoint_at(m, pc, base):
        # never remembered, so that we come by here each time; passed over once when asked to
        return packed if m.w[W_SKIP_STOP] == m.w[M_T] + U1 else U64(OP_STOP)
    if word & U3 == U3 and pc & U64(0xFFF) == U64(0xFFE):
        return packed
    if fetch_cached(m, pc):
        m.decoded[base + ((pc & U64(0xFFF)) >> U1)] = packed
        m.flags[page] |= U64(FLAG_DECODED)
    return packed


def breakpoint_at(m, pc, base):
    """Is a breakpoint set at this instruction?"""
    pa = (base << U1) + RAM_BASE + (pc & U64(0xFFF))
    for i in range(m.w[W_BREAKPOINTS]):
        if m.w[U64(L_BREAKPOINTS) + U64(i)] == pa:
            return True
    return False


def decode_word(word):
    """Search the table: operation, registers, length and immediate packed in one word."""
    for row in range(len(DECODE_ROWS)):
        if word & DECODE_ROWS[row, 1] == DECODE_ROWS[row, 0] and constraints(row, word):
            return pack_operands(row, word)
    return U64(OP_ILLEGAL) | (U64(X_SINK) << U8)


def constraints(row, word):
    """Fields that must not be zero (or not 2, for c.lui)."""
    for i in range(2):
        mask = DECODE_ROWS[row, 8 + 2 * i]
        if mask != U0 and word & mask == DECODE_ROWS[row, 9 + 2 * i]:
            return False
    return True


def register_number(source, word):
    """A register operand: constant (bit 15 set), or a field of 5 or of 3 bits (plus 8)."""
    if source & U64(0x8000) != U0:
        return source & U64(0x1F)
    low = source & U64(0x1F)
    if source & U64(0x100) != U0:
        return ((word >> low) & U7) + U8
    return (word >> low) & U64(0x1F)


def pack_operands(row, word):
    """op | rd << 8 | rs1 << 16 | rs2 << 21 | long << 26 | imm << 32."""
    rd = register_number(DECODE_ROWS[row, 3], word)
    rs1 = register_number(DECODE_ROWS[row, 4], word)
    rs2 = register_number(DECODE_ROWS[row, 5], word)
    op = DECODE_ROWS[row, 2]
    imm = immediate(row, word)
    if op == U64(OP_MARKABLE) and rd == U0:
        op = U64(OP_MARK)
    if rd == U0:
        rd = U64(X_SINK)
    long = U1 if word & U3 == U3 else U0
    return op | (rd << U8) | (rs1 << U16) | (rs2 << U64(21)) | (long << U64(26)) | (imm << U64(32))


def immediate(row, word):
    """Gather the scattered bits of the immediate; sign-extend from its width."""
    value = U0
    first = DECODE_ROWS[row, 6]
    for i in range(DECODE_ROWS[row, 7]):
        piece = DECODE_PIECES[first + U64(i)]
        source = piece & U64(0x1F)
        width = (piece >> U8) & U64(0x1F)
        value |= ((word >> source) & ((U1 << width) - U1)) << ((piece >> U16) & U64(0x1F))
    sign = DECODE_ROWS[row, 12]
    if sign != U0 and (value >> (sign - U1)) & U1 != U0:
        value |= ~((U1 << sign) - U1)
    return value & U64(0xFFFFFFFF)
