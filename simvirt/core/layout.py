"""Where everything is in the engine's arrays: one list of names, from which indices follow.

``HART`` is one row of 64-bit words per hart (architectural state, and nothing derived), ``MACH``
the words of the machine as a whole, ``WORK`` scratch words that belong to no snapshot.
"""

from isa.choices import DTLB_ENTRIES, ITLB_ENTRIES
from isa.csrs import BY_NAME, CSRS, TRIGGERS, Csr

X_SINK = 32  # writes to x0 land here


def csr_words(csr: Csr) -> tuple[str, ...]:
    """The words of a hart that are a CSR's own storage: none for views, counters and constants."""
    if csr.kind == "selected":
        return tuple(f"{csr.name}_{i}" for i in range(TRIGGERS))
    return (csr.name,) if csr.kind == "plain" else ()


_CSR_SLOTS = tuple(word for csr in CSRS for word in csr_words(csr))

HART = (
    *(f"x{n}" for n in range(33)),
    "pc",
    "priv",
    "reservation",  # physical address of the reserved doubleword + 1; 0: none
    "waiting",  # 1 after wfi until an enabled interrupt is pending
    "irq_lines",  # mip bits driven from outside: MSIP, MEIP, SEIP
    "mtimecmp",  # the CLINT's comparator of this hart
    "not_retired",  # steps that were traps: minstret = t - not_retired (modulo writes)
    "extra_cycles",  # modelled penalties: mcycle = minstret + extra_cycles (modulo writes)
    "mcycle_base",  # what writes to mcycle and minstret add
    "minstret_base",
    "trap_cause",  # the last trap, for the no-progress rule
    "trap_pc",
    "trap_tval",
    "trap_instret",
    "trap_repeats",  # identical traps in a row with nothing retired between
    "left_at",  # t at which the hart's last turn ended
    *_CSR_SLOTS,
)
MACH = (
    "t",  # steps so far
    "idle",  # steps' worth of time skipped while every hart waited
    "mark_kind",  # the last mark
    "mark_payload",
    "violations",  # accesses that broke law 6
    "harts",
    "current",  # the hart whose turn it is
    "turn_end",  # t at which its turn ends
    "quantum",  # steps of a turn
    "turn_random",  # state of the generator of uneven turns; 0: all are even
    "cost_trap",
    "cost_xret",
    "cost_walk_ref",
    "cost_mmio",
    "cost_fence",
    "cost_csr",
    "ad_faults",  # 1: a page fault asks software to set A and D
)
WORK = (
    "end",  # t at which the budget is used up
    "limit",  # t at which the loop must come out for housekeeping
    "stop",  # set by another thread: come out soon
    "status",  # why the current instruction could not complete
    "tval",
    "value",  # result of a slow access
    "offset",  # RAM offset of a slow access
    "mmio_ready",  # 0 no, 1 the outside world has answered, 2 it refused
    "mmio_address",
    "mmio_width",
    "mmio_write",
    "mmio_value",
    "data_context",  # tag bits of the page caches for loads and stores
    "fetch_base",  # index in `decoded` of the current page
    "loop_base",  # the same, or that of an empty page when nothing may be remembered
    "owner",  # owner of the frame that is being executed
    "event_mask",  # kinds to record, one bit each
    "event_count",  # records in the ring now
    "stop_mask",  # kinds after which to come out with STOP
    "stop_marks",  # kinds of mark after which to come out, one bit each
    "mark_hit",  # 1 when such a mark has made it come out
    "stop_request",
    "skip_stop",  # t + 1 at which a breakpoint is ignored once
    "breakpoints",  # how many there are
    "watches",  # how many watched ranges there are
    "watch_hit",  # physical address + 1 of the access that hit one
    "ram_size",
    "windows",  # how many windows of physical addresses have a device
    "sample_at",  # t at which to note the place again
    "sample_steps",  # steps between two samples
    "samples",  # how many have been noted; the last ones are in `samples`
)

HART_INDEX = {name: i for i, name in enumerate(HART)}
MACH_INDEX = {name: i for i, name in enumerate(MACH)}
WORK_INDEX = {name: i for i, name in enumerate(WORK)}

TLB_WORDS = 3  # va of the page | level << 2 | valid;  asid;  leaf entry of the 4 KiB fragment
EVENT_WORDS = 8
EVENT_MARGIN = 16  # an instruction makes fewer records than this
MAX_BREAKPOINTS = 256
MAX_WATCHES = 64
MAX_WINDOWS = 64
SAMPLES = 64
MAX_ENTRIES = 1024
# of a region: address, number of the entry, the decoded word it replaces, visits, steps, unused
ENTRY_WORDS = 8
REPEATED_TRAPS = 1000  # identical traps with nothing retired between: no progress

FLAG_DECODED, FLAG_BREAKPOINT, FLAG_WATCHED, FLAG_REGION = 1, 2, 4, 8
FLAG_CLEAN = 16  # not written since the last checkpoint
FLAG_RESERVED = 32  # a hart may hold a reservation here (only with several harts)

EXITS = ("NONE", "BUDGET", "MMIO", "WFI", "STOP", "EVENTS_FULL", "SHUTDOWN", "NO_PROGRESS")
EVENT_KINDS = (
    "NONE", "TRAP", "XRET", "CSR_WRITE", "FENCE", "MARK", "WFI", "MMIO", "VIOLATION", "OWNER",
    "RETIRE", "LOAD", "STORE", "CSR_OTHER",
)  # fmt: skip
STATUS_MMIO = 0x100  # otherwise status is a cause + 1

CSR_SLOT = {BY_NAME[name].number: HART_INDEX[name] for name in _CSR_SLOTS if name in BY_NAME}

# What a hart has for itself, laid aside while another one has its turn: its words, its TLB with the
# page caches, and the owner of the frame that it executes.
MAX_HARTS = 8
PAGE_CACHE_WORDS = 4 * DTLB_ENTRIES + 2 * ITLB_ENTRIES
BANK_WORDS = len(HART) + (DTLB_ENTRIES + ITLB_ENTRIES) * TLB_WORDS + PAGE_CACHE_WORDS + 1

# One array of words holds all of these regions, in this order: few arrays make a kernel that
# compiles fast.  The page caches are derived from the TLB: tag and what to add to an address.
REGIONS = {
    "hart": len(HART),
    "mach": len(MACH),
    "work": len(WORK),
    "tlb": (DTLB_ENTRIES + ITLB_ENTRIES) * TLB_WORDS,
    "load_tag": DTLB_ENTRIES,
    "load_add": DTLB_ENTRIES,
    "store_tag": DTLB_ENTRIES,
    "store_add": DTLB_ENTRIES,
    "fetch_tag": ITLB_ENTRIES,
    "fetch_add": ITLB_ENTRIES,
    "breakpoints": MAX_BREAKPOINTS,
    "watches": 3 * MAX_WATCHES,
    "windows": 2 * MAX_WINDOWS,
    "banks": MAX_HARTS * BANK_WORDS,
    "samples": SAMPLES,
    "entries": MAX_ENTRIES * ENTRY_WORDS,
}
WORDS = sum(REGIONS.values())


def region_start(name: str) -> int:
    """Index of the first word of a region."""
    names = list(REGIONS)
    return sum(REGIONS[n] for n in names[: names.index(name)])
