"""Sv39 address translation, one rule at a time (privileged manual, 4.3 and 4.4).

The walker in ``simvirt.core`` only moves memory: each decision is one of these functions.
Accesses are numbered 0 load, 1 store or AMO, 2 fetch.
"""

from isa.bits import add, and_, any_bits, clear, eq, field, ne, or_, sar, select, shl, shr

ACCESS_LOAD, ACCESS_STORE, ACCESS_FETCH = 0, 1, 2
LEVELS = 3
PAGE_BITS = 12

PTE_BITS = (
    ("V", 0, "valid"),
    ("R", 1, "readable"),
    ("W", 2, "writable"),
    ("X", 3, "executable"),
    ("U", 4, "user page"),
    ("G", 5, "global: in every address space"),
    ("A", 6, "accessed"),
    ("D", 7, "dirty"),
)
PTE_V, PTE_R, PTE_W, PTE_X = 1, 2, 4, 8
PTE_U, PTE_G, PTE_A, PTE_D = 16, 32, 64, 128
PTE_RESERVED = 0xFFC0000000000000  # N, PBMT and bits 60-54: no extension defines them here


def canonical(va: int) -> bool:
    """Bits 63:39 of a virtual address equal bit 38 (4.4.1)."""
    return eq(sar(shl(va, 25), 25), va)


def pte_address(table: int, va: int, level: int) -> int:
    """Physical address of the entry for va in a table at this level (4.3.2, step 2)."""
    return add(table, shl(field(shr(va, add(12, add(shl(level, 3), level))), 0, 9), 3))


def pte_malformed(pte: int) -> bool:
    """Not valid, writable but not readable, or reserved bits set (4.3.2, step 3)."""
    if eq(and_(pte, 1), 0) or eq(and_(pte, 6), 4):
        return True
    return any_bits(pte, PTE_RESERVED)


def pte_is_leaf(pte: int) -> bool:
    """A leaf grants reading or execution; otherwise the entry points to a table (step 4)."""
    return any_bits(pte, 10)


def pointer_malformed(pte: int) -> bool:
    """A, D and U are reserved in an entry that points to a table (4.4.1)."""
    return any_bits(pte, 208)


def pte_target(pte: int) -> int:
    """Physical address that an entry names."""
    return shl(field(pte, 10, 44), 12)


def superpage_misaligned(pte: int, level: int) -> bool:
    """The low page-number bits of a superpage are not zero (step 6)."""
    low = sub_one(shl(1, add(shl(level, 3), level)))
    return any_bits(shr(pte, 10), low)


def sub_one(a: int) -> int:
    """a - 1 modulo 2**64."""
    return add(a, 0xFFFFFFFFFFFFFFFF)


def leaf_address(pte: int, va: int, level: int) -> int:
    """Physical address of va through a leaf at this level (step 8)."""
    offset = sub_one(shl(1, add(12, add(shl(level, 3), level))))
    return or_(clear(pte_target(pte), offset), and_(va, offset))


def leaf_permits(pte: int, access: int, priv: int, mstatus: int) -> bool:
    """Does a leaf allow this access in this mode with these SUM and MXR? (step 5)"""
    user = any_bits(pte, 16)
    if eq(priv, 0) and not user:
        return False
    if ne(priv, 0) and user and (eq(access, 2) or eq(field(mstatus, 18, 1), 0)):
        return False
    if eq(access, 2):
        return any_bits(pte, 8)
    if eq(access, 1):
        return any_bits(pte, 4)
    readable = select(ne(field(mstatus, 19, 1), 0), 10, 2)
    return any_bits(pte, readable)


def pte_touched(pte: int, access: int) -> int:
    """The entry after hardware has set A, and D for a store (step 7)."""
    return or_(pte, select(eq(access, 1), 192, 64))


def update_faults(pte: int, access: int, ad_faults: int) -> bool:
    """Must software set A or D first?  The other of the two schemes that 4.3.1 allows."""
    return ne(ad_faults, 0) and ne(pte_touched(pte, access), pte)


def page_fault_cause(access: int) -> int:
    """Exception code of a page fault."""
    return select(eq(access, 2), 12, select(eq(access, 1), 15, 13))


def access_fault_cause(access: int) -> int:
    """Exception code of an access fault."""
    return select(eq(access, 2), 1, select(eq(access, 1), 7, 5))
