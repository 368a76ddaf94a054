"""Physical memory protection: 8 entries, OFF, TOR, NA4, NAPOT, locks (privileged, 3.7)."""

from isa.bits import add, and_, any_bits, eq, field, lt_u, select, shl, shr, sub, xor


def entry_config(pmpcfg: int, index: int) -> int:
    """The configuration byte of one entry (3.7.1)."""
    return field(shr(pmpcfg, shl(index, 3)), 0, 8)


def entry_base(config: int, address: int, previous: int) -> int:
    """First byte of the region of an entry; `previous` is the pmpaddr before it."""
    mode = field(config, 3, 2)
    trailing = and_(address, xor(address, add(address, 1)))
    napot = shl(sub(address, trailing), 2)
    return select(eq(mode, 1), shl(previous, 2), select(eq(mode, 3), napot, shl(address, 2)))


def entry_end(config: int, address: int, previous: int) -> int:
    """First byte after the region of an entry (equal to or below the base: empty)."""
    mode = field(config, 3, 2)
    trailing = and_(address, xor(address, add(address, 1)))
    napot = add(shl(sub(address, trailing), 2), shl(add(trailing, 1), 3))
    tor_or_off = select(eq(mode, 1), shl(address, 2), 0)
    return select(eq(mode, 3), napot, select(eq(mode, 2), add(shl(address, 2), 4), tor_or_off))


def overlaps(base: int, end: int, first: int, after: int) -> bool:
    """Does [first, after) meet the region [base, end)?"""
    return lt_u(first, end) and lt_u(base, after)


def covers(base: int, end: int, first: int, after: int) -> bool:
    """Is [first, after) inside the region?  Otherwise a partial match fails (3.7.1.3)."""
    return not lt_u(first, base) and not lt_u(end, after)


def entry_permits(config: int, access: int, priv: int) -> bool:
    """R, W or X is needed (access 0 load, 1 store, 2 fetch); in M of locked entries only."""
    return (eq(priv, 3) and not any_bits(config, 128)) or any_bits(config, shl(1, access))


def address_locked(pmpcfg: int, index: int) -> bool:
    """Is a pmpaddr locked: by its own entry, or by a locked TOR entry above it?  (3.7.1.2)"""
    above = select(eq(index, 7), 0, entry_config(pmpcfg, add(index, 1)))
    return any_bits(entry_config(pmpcfg, index), 128) or eq(and_(above, 152), 136)
