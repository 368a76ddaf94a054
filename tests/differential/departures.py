"""Where emulators are known to differ from our choices: one table, each row with its reason.

A case that meets a row of the table is not compared with emulators; our engine is still compared
with the oracle on it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.oracle import csr as csrs

from .layout import NO_RAM, SAVE
from .oracle_runner import Outcome

Applies = Callable[[Outcome], bool]


@dataclass(frozen=True)
class Departure:
    """One known difference: which cases meet it, and why it is no error of ours."""

    name: str
    reason: str
    applies: Applies


def _writes(names: str, bad: Callable[[int], bool]) -> Applies:
    """The case writes such a value to one of these CSRs; a name may end in ``*``."""

    def applies(outcome: Outcome) -> bool:
        return any(_matches(name, names) and bad(value) for name, value in outcome.csr_writes)

    return applies


def _matches(name: str, names: str) -> bool:
    return any(
        name.startswith(wanted[:-1]) if wanted.endswith("*") else name == wanted
        for wanted in names.split()
    )


def _touches(names: str) -> Applies:
    """The case reads or writes one of these CSRs."""

    def applies(outcome: Outcome) -> bool:
        written = [name for name, _ in outcome.csr_writes]
        return any(_matches(name, names) for name in (*outcome.csr_reads, *written))

    return applies


def _noted(*notes: str) -> Applies:
    return lambda outcome: any(note in outcome.notes for note in notes)


def _outside_hole(outcome: Outcome) -> bool:
    """An access to nothing at an address that is not a hole of the board for sure."""
    return any(not (NO_RAM[0] <= pa < NO_RAM[1] or pa >= 1 << 40) for pa in outcome.outside)


def _names_unknown_csr(outcome: Outcome) -> bool:
    """An illegal instruction that is a CSR instruction on a number that we do not have."""
    return any(
        step.cause == 2 and step.word is not None and step.word & 0x7F == 0x73
        and step.word >> 12 & 3 and step.word >> 20 not in csrs.NAME
        for step in outcome.steps
    )  # fmt: skip


def _hpm_in_word(outcome: Outcome) -> bool:
    return any(
        step.word is not None and step.word & 0x7F == 0x73 and step.word >> 12 & 3
        and _matches(csrs.NAME.get(step.word >> 20, ""), "mhpm* hpm* pmpcfg* pmpaddr*")
        and csrs.NAME[step.word >> 20] not in csrs.STORED
        for step in outcome.steps
    )  # fmt: skip


def _misaligned_fault(outcome: Outcome) -> bool:
    """An access fault of a load or store that is not aligned."""
    return any(step.cause in (5, 7) and step.tval % _width(step.word) for step in outcome.steps)


def _is_amo(word: int | None) -> bool:
    return word is not None and word & 0x7F == 0x2F


def _is_sc(word: int | None) -> bool:
    return word is not None and word & 0xF800007F == 0x1800002F


def _is_lr(word: int | None) -> bool:
    return word is not None and word & 0xF800007F == 0x1000002F


def _width(word: int | None) -> int:
    if word is None or word & 3 != 3:
        return 8  # every compressed access is 4 or 8 bytes wide: the cautious answer
    return 1 << (word >> 12 & 3)


_STATUS_UNKNOWN = ~(csrs.MSTATUS | csrs.MPP | csrs.UXL | csrs.SXL)

QEMU = (
    Departure(
        "x31 changed",
        "the monitor on QEMU keeps the address of its save area in x31",
        lambda o: o.final is not None and o.final.x[31] != SAVE,
    ),
    Departure(
        "device or foreign RAM",
        "only the arena is RAM here; QEMU's board has devices and more RAM",
        _outside_hole,
    ),
    Departure(
        "unimplemented CSR bits of mstatus",
        "QEMU keeps FS, VS, MPV, GVA and the reserved MPP 2, and lets UXL change",
        _writes("mstatus sstatus", lambda v: bool(v & _STATUS_UNKNOWN or v & csrs.MPP == 2 << 11)),
    ),
    Departure(
        "UXL other than 64 bit",
        "QEMU implements UXL = 32",
        _writes("mstatus sstatus", lambda v: not {v >> 32 & 3, v >> 34 & 3} <= {0, 2}),
    ),
    Departure(
        "medeleg beyond ours",
        "QEMU can delegate causes 10, 11 and 20 to 23",
        _writes("medeleg", lambda v: bool(v & ~csrs.MEDELEG)),
    ),
    Departure(
        "interrupts of the hypervisor extension",
        "QEMU keeps VS bits of mideleg, mie and mip",
        _writes("mideleg mie mip sie sip", lambda v: bool(v & ~csrs.ALL_INTERRUPTS)),
    ),
    Departure(
        "counter enables beyond 2",
        "QEMU has 32 writable bits",
        _writes("mcounteren scounteren", lambda v: v > 7),
    ),
    Departure(
        "envcfg beyond ours",
        "QEMU also keeps CBIE, CBCFE, CBZE",
        _writes("menvcfg senvcfg", lambda v: bool(v & ~(csrs.STCE | csrs.FIOM))),
    ),
    Departure(
        "reserved vector mode",
        "QEMU ignores the whole write, we keep the old mode only",
        _writes("mtvec stvec", lambda v: bool(v & 2)),
    ),
    Departure(
        "odd xepc",
        "QEMU keeps bit 0 of xepc as written",
        _writes("mepc sepc", lambda v: bool(v & 1)),
    ),
    Departure(
        "satp: ASID of 16 bits, other modes",
        "QEMU has 16 bits of ASID, Sv48 and Sv57",
        _writes("satp", lambda v: v >> 60 in (9, 10) or bool(v >> 52 & 0xFF)),
    ),
    Departure(
        "reserved PMP values",
        "QEMU keeps W without R and bits 5 and 6",
        _writes("pmpcfg0", lambda v: csrs.legal_pmpcfg(v) != v),
    ),
    Departure(
        "PMP addresses of 64 bits",
        "QEMU keeps more than 54 bits",
        _writes("pmpaddr*", lambda v: v >> 54 != 0),
    ),
    Departure(
        "counters and PMP entries that we lack",
        "QEMU has 16 PMP entries, no more, and no hpm counters with pmu-num=0",
        _hpm_in_word,
    ),
    Departure("a lock on the harness", "its own memory could not be read after the case",
              _noted("a lock shuts the harness out")),
    Departure("a trigger held back", "QEMU 7.2 fires it whatever MIE, SIE and medeleg are",
              _noted("a trigger held back")),
    Departure("registers of triggers", "QEMU 7.2 has type 2 and an older tinfo",
              _touches(" ".join(csrs.TRIGGER_NAMES))),
    Departure("beside a trigger's address", "QEMU watches the eight bytes that begin there",
              _noted("an access beside a trigger's address")),
    Departure("a misaligned store and a trigger",
              "QEMU 7.2 takes a wrong length for it anywhere on the trigger's page",
              _noted("a misaligned store on a page with a trigger")),
    Departure("a data trigger and paging", "QEMU looks for page faults first",
              lambda o: o.paging and "a trigger of data fired" in o.notes),
    Departure("two triggers of code",
              "QEMU 7.2 stops at either address if one of the two triggers is for the mode",
              lambda o: {"started with two triggers of code",
                         "an access at a trigger of another mode"} <= o.notes),
    Departure("a trigger at an atomic", "QEMU's AMO and sc look at no trigger",
              lambda o: any(s.cause == 3 and _is_amo(s.word) and not _is_lr(s.word)
                            for s in o.steps)),
    Departure("A and D that fault", "QEMU 7.2 has no switch for it, its harts set A and D",
              _noted("started with A and D that fault")),
    Departure("mcountinhibit", "QEMU lets counters stop", _touches("mcountinhibit")),
    Departure("counters", "QEMU counts in its own units",
              _touches("cycle time instret mcycle minstret")),
    Departure("CSRs we lack", "QEMU has more CSRs than the toy machine", _names_unknown_csr),
    Departure(
        "misaligned sc", "QEMU's sc without its reservation does not look at the address",
        lambda o: any(s.cause == 6 and _is_sc(s.word) for s in o.steps),
    ),
    Departure(
        "sc elsewhere", "QEMU's sc to another address than lr's checks no permission",
        lambda o: "sc to another address or width than lr" in o.notes
        and (o.paging or any(s.cause in (7, 15) for s in o.steps)),
    ),
    Departure(
        "writes of nothing to read-only CSRs",
        "QEMU 7.2 goes by the value of rs1, the manual by its number",
        lambda o: "csrrs or csrrc of a register that holds 0" in o.notes
        and any(s.cause == 2 for s in o.steps),
    ),
    Departure(
        "sc within the granule",
        "QEMU compares address and old value, not the reserved doubleword",
        _noted("sc after an own store to the reserved bytes"),
    ),
    Departure("a reservation across traps and returns",
              "the manual lets xRET end a reservation or keep it (3.3.2); QEMU ends it at every "
              "change of mode, we keep it", _noted("sc in another mode's turn than lr")),
    Departure("access fault of a misaligned access",
              "QEMU makes aligned accesses of it and names their address", _misaligned_fault),
    Departure("several interrupts at once", "QEMU 7.2 takes the lowest number first",
              _noted("several interrupts at once")),
    Departure("stimecmp without Sstc", "QEMU 7.2 raises STIP although STCE is 0",
              _noted("stimecmp written while Sstc is off")),
    Departure("Sstc switched off", "QEMU keeps STIP as the comparison left it, we as software did",
              _noted("Sstc switched off")),
    Departure("stimecmp near the present", "time runs on QEMU and stands still in a case",
              _writes("stimecmp", lambda v: 1000 < v < 1 << 55)),
    Departure("xRET and MPRV", "QEMU 7.2 keeps MPRV when it leaves M",
              _noted("xRET clears MPRV")),
    Departure("MPRV after mret to M",
              "mret leaves MPP = U and MPRV set (3.1.6.1), so loads have U's rights (3.1.6.3); "
              "QEMU 7.2 goes on with translations that it cached for the old MPP",
              _noted("mret changes the mode of MPRV")),
    Departure("AMO outside RAM", "QEMU reports a load access fault",
              lambda o: bool(o.outside) and any(s.cause == 7 and _is_amo(s.word) for s in o.steps)),
    Departure("xtval of a breakpoint read", "QEMU 7.2 leaves it 0",
              lambda o: any(s.cause == 3 for s in o.steps) and _touches("mtval stval")(o)),
    Departure("walk outside RAM", "QEMU 7.2 raises a page fault, the manual wants an access fault",
              _noted("walk outside RAM")),
    Departure("A/D update without PMP permission", "QEMU 7.2 does not check the update",
              _noted("A/D update refused by PMP")),
)  # fmt: skip

UNICORN = tuple(departure for departure in QEMU if departure.name == "sc within the granule")
# Where a case cannot be compared with our engine either.
ENGINE = (
    Departure(
        "foreign RAM",
        "only the arena is RAM here; our machine's RAM starts below it",
        _outside_hole,
    ),
    Departure(
        "time and cycles", "the cost model is not part of the oracle, whose time stands still",
        _touches("cycle time mcycle"),
    ),
    Departure(
        "translated to where no RAM is",
        "whether A and D stay set when the access then faults is left open",
        _noted("translated to an address without RAM"),
    ),
)  # fmt: skip


def reasons(outcome: Outcome, table: tuple[Departure, ...] = QEMU) -> list[str]:
    """The names of the departures that a case meets."""
    return [departure.name for departure in table if departure.applies(outcome)]


def ignored(outcome: Outcome) -> dict[str, int]:
    """CSR bits that are not compared: QEMU 7.2 leaves xtval of a breakpoint 0."""
    everything = (1 << 64) - 1
    breakpoint_seen = any(step.cause == 3 for step in outcome.steps)
    return {"mtval": everything, "stval": everything} if breakpoint_seen else {}
