"""Translation, protection and every access that misses the page caches.

``status`` words: 0 done, cause + 1 for an exception, STATUS_MMIO when the outside world must act.
"""


def pmp_check(m, first, size, access, priv):
    """0 denied, 1 allowed, 2 a region's border lies inside [first, first + size)."""
    hart = m.w
    after = first + size
    previous = U0
    config_word = hart[H_PMPCFG0]
    if config_word == U0:
        return U1 if priv == U3 else U0
    for i in range(8):
        address = hart[H_PMPADDR0 + i]
        config = entry_config(config_word, U64(i))
        base = entry_base(config, address, previous)
        end = entry_end(config, address, previous)
        if overlaps(base, end, first, after):
            if not covers(base, end, first, after):
                return U2
            return U1 if entry_permits(config, access, priv) else U0
        previous = address
    return U1 if priv == U3 else U0


def tlb_slot(va, access):
    """Index of the first word of the only entry that can hold this page."""
    page = va >> U12
    if access == U2:
        return U64(L_TLB) + (U64(DTLB_ENTRIES) + (page & U64(ITLB_ENTRIES - 1))) * U64(TLB_WORDS)
    return U64(L_TLB) + (page & U64(DTLB_ENTRIES - 1)) * U64(TLB_WORDS)


def tlb_lookup(m, va, access):
    """The leaf entry cached for a page, or 0 (a valid leaf is never 0)."""
    slot = tlb_slot(va, access)
    key = m.w[slot]
    if key & U1 == U0 or (key ^ va) >> U12 != U0:
        return U0
    leaf = m.w[slot + U1]
    asid = (m.w[H_SATP] >> U64(44)) & U64(0xFF)
    pte = m.w[slot + U2]
    if leaf == asid or pte & U64(32) != U0:
        return pte
    return U0


def tlb_fill(m, va, access, pte, level):
    """Replace the entry for this page; the page caches forget what it held."""
    slot = tlb_slot(va, access)
    fragment = leaf_address(pte, va, level) >> U12
    m.w[slot] = (va & PAGE_MASK) | (level << U2) | U1
    m.w[slot + U1] = (m.w[H_SATP] >> U64(44)) & U64(0xFF)
    m.w[slot + U2] = (pte & U64(0x3FF)) | (fragment << U64(10))
    page = va >> U12
    if access == U2:
        m.w[U64(L_FETCH_TAG) + (page & U64(ITLB_ENTRIES - 1))] = U0
    else:
        m.w[U64(L_LOAD_TAG) + (page & U64(DTLB_ENTRIES - 1))] = U0
        m.w[U64(L_STORE_TAG) + (page & U64(DTLB_ENTRIES - 1))] = U0


def forget_pages(m):
    """Empty the page caches (they are derived from the TLB, mode, PMP and owner)."""
    forget_data_pages(m)
    m.w[L_FETCH_TAG:L_FETCH_ADD] = U0


def walk(m, va, access, priv, peek):
    """Walk the page table: (status, leaf entry with A and D set, level).

    With `peek` nothing is written: an access that ends in a device must change nothing yet.
    """
    hart = m.w
    if not canonical(va):
        return page_fault_cause(access) + U1, U0, U0
    table = (hart[H_SATP] & U64(0xFFFFFFFFFFF)) << U12
    level = U2
    while True:
        at = pte_address(table, va, level)
        offset = at - RAM_BASE
        if offset >= m.w[W_RAM_SIZE] or pmp_check(m, at, U8, U0, U1) != U1:
            return access_fault_cause(access) + U1, U0, U0
        if peek == U0:
            hart[H_EXTRA_CYCLES] += m.w[M_COST_WALK_REF]
        pte = m.ram64[offset >> U3]
        if pte_malformed(pte):
            return page_fault_cause(access) + U1, U0, U0
        if pte_is_leaf(pte):
            break
        if level == U0 or pointer_malformed(pte):
            return page_fault_cause(access) + U1, U0, U0
        table = pte_target(pte)
        level -= U1
    if superpage_misaligned(pte, level) or not leaf_permits(pte, access, priv, hart[H_MSTATUS]):
        return page_fault_cause(access) + U1, U0, U0
    if update_faults(pte, access, m.w[M_AD_FAULTS]):
        return page_fault_cause(access) + U1, U0, U0
    touched = pte_touched(pte, access)
    if touched != pte and peek == U0:
        if pmp_check(m, at, U8, U1, U1) != U1:
            return access_fault_cause(access) + U1, U0, U0
        m.ram64[offset >> U3] = touched
        written(m, offset, U8)
    return U0, touched, level


def translate(m, va, access, width):
    """Physical address of an access inside one page: (status, physical address).

    Fills the TLB and sets A and D, unless the access ends outside RAM and has no answer yet.
    """
    hart = m.w
    priv = hart[H_PRIV]
    if access != U2:
        priv = data_mode(priv, hart[H_MSTATUS])
    if priv == U3 or hart[H_SATP] >> U64(60) == U0:
        return protect(m, va, va, access, width, priv)
    pte = tlb_lookup(m, va, access)
    if pte != U0 and (access != U1 or pte & U64(128) != U0 or pte & U4 == U0):
        if not leaf_permits(pte, access, priv, hart[H_MSTATUS]):
            return page_fault_cause(access) + U1, va
        return protect(m, va, leaf_address(pte, va, U0), access, width, priv)
    status, leaf, level = walk(m, va, access, priv, U1)
    if status == U0:
        pa = leaf_address(leaf, va, level)
        if pa - RAM_BASE >= m.w[W_RAM_SIZE] and m.w[W_MMIO_READY] == U0:
            return protect(m, va, pa, access, width, priv)
    status, leaf, level = walk(m, va, access, priv, U0)
    if status != U0:
        return status, va
    tlb_fill(m, va, access, leaf, level)
    return protect(m, va, leaf_address(leaf, va, level), access, width, priv)


def protect(m, va, pa, access, width, priv):
    """The PMP has the last word: (status, physical address)."""
    if pmp_check(m, pa, width, access, priv) != U1:
        return access_fault_cause(access) + U1, pa
    return U0, pa


def written(m, offset, width):
    """RAM changed: the page is not clean; forget decoded instructions among the written bytes."""
    m.flags[offset >> U12] &= ~U64(FLAG_CLEAN)
    if m.flags[offset >> U12] & U64(FLAG_RESERVED) != U0:
        break_reservations(m, offset, width)
    if m.flags[offset >> U12] & U64(FLAG_DECODED) != U0:
        first = (offset >> U1) - U1 if offset >= U2 else U0
        last = (offset + width - U1) >> U1
        changed = U0
        for i in range(first, last + U1):
            changed |= m.decoded[U64(i)]
            m.decoded[U64(i)] = U0
        if changed != U0 and m.flags[offset >> U12] & U64(FLAG_REGION) != U0:
            forget_regions(m, offset >> U12)


def forget_regions(m, page):
    """An instruction of the page has changed: its regions are not entered any more."""
    for i in range(page << U64(11), (page + U1) << U64(11)):
        if m.decoded[U64(i)] & U64(0xFF) == U64(OP_REGION):
            m.decoded[U64(i)] = U0
    m.flags[page] &= ~U64(FLAG_REGION)


def owned_access(m, pa, in_ram):
    """Law 6: what a VM's frame executes may touch only frames of that VM."""
    owner = m.w[W_OWNER]
    if owner == U0:
        return
    if in_ram == U0 or U64(m.owner[(pa - RAM_BASE) >> U12]) != owner:
        m.w[M_VIOLATIONS] += U1
        emit(m, K_VIOLATION, m.w[H_PRIV], m.w[H_PRIV], U1, pa, owner)


def watch(m, pa, width, access):
    """Ask to come out after an access that touches a watched range (bit `access` selects)."""
    if m.flags[(pa - RAM_BASE) >> U12] & U64(FLAG_WATCHED) == U0:
        return
    for i in range(m.w[W_WATCHES]):
        row = U64(i) * U3
        inside = pa < m.w[U64(L_WATCHES) + row + U1] and m.w[U64(L_WATCHES) + row] < pa + width
        if inside and (m.w[U64(L_WATCHES) + row + U2] >> access) & U1 != U0:
            m.w[W_WATCH_HIT] = pa + U1
            m.w[W_STOP_REQUEST] = U1
            m.w[W_LIMIT] = U0


def fail(m, status, tval):
    """Leave the reason for housekeeping; the instruction has changed nothing."""
    m.w[W_STATUS] = status
    m.w[W_TVAL] = tval
    return False


def trigger_page(m, va, wanted):
    """Can an access to this page fire a trigger?  Then it is never cached."""
    for i in range(TRIGGERS):
        if trigger_on_page(m.w[H_TDATA1_0 + i], m.w[H_TDATA2_0 + i], wanted, va):
            return True
    return False


def triggered(m, va, wanted):
    """Does this access fire a trigger?  Then the breakpoint's cause is left for housekeeping."""
    for i in range(TRIGGERS):
        one, two = m.w[H_TDATA1_0 + i], m.w[H_TDATA2_0 + i]
        if trigger_fires(one, two, wanted, va, m.w[H_PRIV], m.w[H_MSTATUS], m.w[H_MEDELEG]):
            fail(m, U4, va)
            return True
    return False


def cache_page(m, va, pa, access):
    """Let the loop reach this page without us, if all of it is RAM under one protection."""
    hart = m.w
    first = pa & PAGE_MASK
    priv = data_mode(hart[H_PRIV], hart[H_MSTATUS])
    if pmp_check(m, first, U64(4096), access, priv) != U1:
        return
    if m.flags[(first - RAM_BASE) >> U12] & U64(FLAG_WATCHED) != U0:
        return
    if trigger_page(m, va, U2 if access == U1 else U1):
        return
    i = (va >> U12) & U64(DTLB_ENTRIES - 1)
    tag = (va & PAGE_MASK) | m.w[W_DATA_CONTEXT]
    if access == U1:
        m.w[U64(L_STORE_TAG) + i] = tag
        m.w[U64(L_STORE_ADD) + i] = first - RAM_BASE - (va & PAGE_MASK)
    else:
        m.w[U64(L_LOAD_TAG) + i] = tag
        m.w[U64(L_LOAD_ADD) + i] = first - RAM_BASE - (va & PAGE_MASK)


def answered(m, pa, width):
    """Is there a device in whose window the whole access lies?"""
    for i in range(m.w[W_WINDOWS]):
        row = U64(L_WINDOWS) + U2 * U64(i)
        if pa >= m.w[row] and pa + width <= m.w[row + U1]:
            return True
    return False


def device(m, va, pa, width, write, value):
    """An access outside RAM: ask the outside world, or finish with its answer."""
    work = m.w
    if work[W_MMIO_READY] == U0 and not answered(m, pa, width):
        work[W_MMIO_READY] = U2  # refused at once, with the effects of a translation that ends here
        translate(m, va, write, width)
    if pa & (width - U1) != U0 or work[W_MMIO_READY] == U2:
        work[W_MMIO_READY] = U0
        return fail(m, access_fault_cause(write) + U1, va)
    if work[W_MMIO_READY] == U0:
        work[W_MMIO_ADDRESS] = pa
        work[W_MMIO_WIDTH] = width
        work[W_MMIO_WRITE] = write
        if write == U1:
            work[W_MMIO_VALUE] = value
        return fail(m, U64(STATUS_MMIO), va)
    work[W_MMIO_READY] = U0
    work[W_VALUE] = work[W_MMIO_VALUE]
    m.w[H_EXTRA_CYCLES] += m.w[M_COST_MMIO]
    owned_access(m, pa, U0)
    emit(m, K_MMIO, write, width, pa, work[W_MMIO_VALUE], va)
    return True


def read_ram(m, offset, width):
    """Little-endian value of `width` bytes at a RAM offset, any alignment."""
    value = U0
    for i in range(width):
        value |= U64(m.ram8[offset + U64(i)]) << (U8 * U64(i))
    return value


def write_ram(m, offset, width, value):
    """Store the low `width` bytes of value at a RAM offset, any alignment."""
    for i in range(width):
        m.ram8[offset + U64(i)] = U8T((value >> (U8 * U64(i))) & U64(0xFF))
    written(m, offset, width)


def split_access(m, va, width, access, value):
    """A misaligned access that crosses a page: both parts are checked before either happens."""
    room = U64(4096) - (va & U64(0xFFF))
    status, pa = translate(m, va, access, room)
    if status != U0:
        return fail(m, status, va)
    second = va + room
    status, pb = translate(m, second, access, width - room)
    if status != U0:
        return fail(m, status, second)
    size = m.w[W_RAM_SIZE]
    if pa - RAM_BASE >= size:
        return fail(m, access_fault_cause(access) + U1, va)
    if pb - RAM_BASE >= size:
        return fail(m, access_fault_cause(access) + U1, second)
    owned_access(m, pa, U1)
    owned_access(m, pb, U1)
    watch(m, pa, room, access)
    watch(m, pb, width - room, access)
    if access == U1:
        write_ram(m, pa - RAM_BASE, room, value)
        write_ram(m, pb - RAM_BASE, width - room, value >> (U8 * room))
    else:
        low = read_ram(m, pa - RAM_BASE, room)
        m.w[W_VALUE] = low | (read_ram(m, pb - RAM_BASE, width - room) << (U8 * room))
    return True


def load_slow(m, va, width):
    """A load that missed the page cache; the zero-extended value is left in work[value]."""
    if triggered(m, va, U1):
        return False
    if (va & U64(0xFFF)) + width > U64(4096):
        return split_access(m, va, width, U0, U0)
    status, pa = translate(m, va, U0, width)
    if status != U0:
        return fail(m, status, va)
    offset = pa - RAM_BASE
    if offset >= m.w[W_RAM_SIZE]:
        return device(m, va, pa, width, U0, U0)
    owned_access(m, pa, U1)
    cache_page(m, va, pa, U0)
    watch(m, pa, width, U0)
    m.w[W_VALUE] = read_ram(m, offset, width)
    return True


def store_slow(m, va, width, value):
    """A store that missed the page cache or hit a page with a flag."""
    if triggered(m, va, U2):
        return False
    if (va & U64(0xFFF)) + width > U64(4096):
        return split_access(m, va, width, U1, value)
    status, pa = translate(m, va, U1, width)
    if status != U0:
        return fail(m, status, va)
    offset = pa - RAM_BASE
    if offset >= m.w[W_RAM_SIZE]:
        return device(m, va, pa, width, U1, value)
    owned_access(m, pa, U1)
    cache_page(m, va, pa, U1)
    watch(m, pa, width, U1)
    write_ram(m, offset, width, value)
    return True
