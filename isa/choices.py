"""Every choice that the manuals leave to an implementation, and what this machine chose.

One row each.  A number that code uses is taken from that code or is defined here for it;
``c_lines`` gives the numeric rows to the C header.  Manual sections: privileged architecture
unless they say "unpriv.".
"""

from collections.abc import Iterator
from dataclasses import dataclass

from isa import csrs, paging

DTLB_ENTRIES = 256
ITLB_ENTRIES = 128
RESERVATION_BYTES = 8
RESET_PC = 0x80000000
TIMEBASE_HZ = 10_000_000
STEPS_PER_TICK = 10


@dataclass(frozen=True)
class Choice:
    """One choice: `id` for programs, `choice` names what is open, `value` what we do.

    `number` is the value for the C header (CHOICE_ID), None where there is no number.
    """

    id: str
    choice: str
    value: str
    section: str
    number: int | None = None


def _c(id: str, choice: str, value: str, section: str, number: int | None = None) -> Choice:
    return Choice(id, choice, value, section, number)


def _bits(name: str) -> str:
    mask = csrs.BY_NAME[name].writable
    return f"bits {', '.join(str(bit) for bit in range(64) if mask >> bit & 1)}"


_TRAPS = (
    _c("xtval_illegal", "xtval of an illegal instruction",
       "the instruction's bits, zero-extended: 16 for a compressed one, else 32", "3.1.16", 1),
    _c("xtval_fault", "xtval of a page or access fault",
       "virtual address of the first byte that could not be accessed", "3.1.16", 1),
    _c("xtval_misaligned", "xtval of a misaligned access", "the virtual address", "3.1.16", 1),
    _c("xtval_breakpoint", "xtval of ebreak", "the address of the instruction", "3.1.16", 1),
    _c("xtval_ecall", "xtval of ecall and of interrupts", "0", "3.1.16", 0),
    _c("xret_reservation", "does xRET clear the reservation", "no, it keeps it", "3.3.2", 0),
    _c("wfi_user", "wfi in U", "always an illegal instruction", "3.3.3", 1),
    _c("wfi_tw", "wfi in S with TW", "an illegal instruction at once, no time limit", "3.1.6.5", 1),
    _c("wfi_wake", "what ends wfi", "an interrupt in mip & mie, even if disabled by xIE", "3.3.3"),
    _c("medeleg", "exceptions that can be delegated", _bits("medeleg"), "3.1.8",
       csrs.BY_NAME["medeleg"].writable),
    _c("mideleg", "interrupts that can be delegated", _bits("mideleg"), "3.1.8",
       csrs.BY_NAME["mideleg"].writable),
    _c("tvec_modes", "modes of mtvec and stvec",
       "Direct and Vectored; writing a reserved one keeps the mode; BASE 4-byte aligned", "3.1.7"),
    _c("nmi", "non-maskable interrupts, double traps", "none", "3.4"),
)  # fmt: skip

_MEMORY = (
    _c("misaligned", "misaligned load or store in RAM",
       "works, in pieces never visible apart; a fault in any part leaves all unchanged",
       "unpriv. 2.6", 1),
    _c("misaligned_mmio", "misaligned access to a device", "access fault", "3.6.1", 0),
    _c("misaligned_amo", "misaligned AMO, LR or SC", "address-misaligned exception, cause 4 or 6",
       "unpriv. 13.2, 13.4", 0),
    _c("mmio_other", "AMO, LR, SC, fetch and page walk to a device", "access fault", "3.6.3"),
    _c("reservation", "what LR reserves", "the aligned doubleword (physical address)",
       "unpriv. 13.2", RESERVATION_BYTES),
    _c("sc_ends", "when a reservation ends", "at any SC, and at another agent's store to it",
       "unpriv. 13.2"),
    _c("sc_without", "SC with no reservation", "fails; the address is not translated, so no fault",
       "unpriv. 13.2", 0),
    _c("sc_mismatch", "SC with a reservation elsewhere",
       "the address is translated and may fault; then SC fails", "unpriv. 13.2"),
    _c("fence", "fence and fence.i", "nothing: one hart in order, fetch sees stores at once",
       "unpriv. 2.7"),
    _c("pmp_entries", "PMP entries", "8; pmpaddr holds bits 55:2, grain 4 bytes", "3.7",
       csrs.PMP_ENTRIES),
    _c("pmp_w_only", "PMP entry with W and without R", "W is dropped", "3.7.1", 0),
    _c("pmp_lock", "PMP L bit", "locks the entry until reset and binds M", "3.7.1.2", 1),
    _c("pmp_partial", "access partly inside a PMP region", "fails, in every mode", "3.7.1.3"),
)  # fmt: skip

_PAGING = (
    _c("satp_modes", "address translation", "Bare and Sv39", "4.1.11", csrs.SATP_MODE_SV39),
    _c("satp_write", "satp write with another MODE", "no effect at all", "4.1.11"),
    _c("asid", "ASID bits", f"{csrs.ASID_BITS}; the upper bits read 0", "4.1.11", csrs.ASID_BITS),
    _c("ad_bits", "A and D bits", "set by hardware, atomically with the walk; a board switch makes"
       " them fault instead (Svade); those of a VM are always set for it", "4.3.1", 1),
    _c("pte_reserved", "PTE bits 63:54", "must be 0, else page fault", "4.4.1",
       paging.PTE_RESERVED),
    _c("dtlb", "data TLB", f"{DTLB_ENTRIES} entries, direct-mapped by the low bits of the VPN",
       "4.2.1", DTLB_ENTRIES),
    _c("itlb", "instruction TLB", f"{ITLB_ENTRIES} entries, direct-mapped likewise", "4.2.1",
       ITLB_ENTRIES),
    _c("tlb_grain", "superpages in the TLB", "as 4 KiB fragments; a fence drops every fragment",
       "4.2.1", 4096),
    _c("tlb_stale", "what makes a TLB entry go", "sfence.vma or replacement only: writes to satp,"
       " PTEs and PMP leave it stale", "4.2.1"),
    _c("tlb_invalid", "invalid entries", "never cached", "4.2.1", 0),
    _c("store_dirty", "store through an entry with D = 0", "walks again", "4.3.1"),
)  # fmt: skip

_CSRS = (
    _c("mpp_reserved", "mstatus.MPP written with 2", "keeps the old mode", "3.1.6.1"),
    _c("xlen", "SXL, UXL, MXL", "2 (64 bits), fixed", "3.1.6.2", 2),
    _c("endian", "MBE, SBE, UBE", "0: little-endian only", "3.1.6.4", 0),
    _c("float", "FS, VS, XS, SD", "0: no floating point, no vectors", "3.1.6.6", 0),
    _c("misa", "misa", "RV64 A C I M S U; writes are ignored", "3.1.1",
       csrs.BY_NAME["misa"].reset),
    _c("ids", "mvendorid, marchid, mimpid, mconfigptr", "0", "3.1.2-3.1.5", 0),
    _c("epc", "mepc and sepc", "bit 0 reads 0", "3.1.14"),
    _c("wlrl_cause", "xcause written with an undefined code", "holds all 64 bits", "3.1.15"),
    _c("seip", "mip.SEIP read", "written bit OR the PLIC's line", "3.1.9"),
    _c("counters", "hpmcounter3 to 31 and their events", "read 0; writes are ignored", "3.1.10", 0),
    _c("counteren", "mcounteren and scounteren", "bits CY TM IR, reset 0", "3.1.11",
       csrs.BY_NAME["mcounteren"].writable),
    _c("mcycle", "mcycle", "instructions + penalties of a published model", "3.1.10"),
    _c("time", "timebase", f"{TIMEBASE_HZ} Hz: a tick every {STEPS_PER_TICK} steps, plus idle time",
       "unpriv. 7.1", TIMEBASE_HZ),
    _c("missing_csr", "CSRs that do not exist", "illegal instruction", "2.1"),
    _c("stimecmp", "stimecmp in S", "needs mcounteren.TM and menvcfg.STCE", "Sstc 2.2"),
)  # fmt: skip

_TRIGGERS = (
    _c("triggers", "triggers", f"{csrs.TRIGGERS}, each of type mcontrol6 or disabled; no tdata3,"
       " no textra, no contexts", "Sdtrig 5.7", csrs.TRIGGERS),
    _c("trigger_match", "what a trigger compares", "the lowest virtual address of the access:"
       " equal, any width, before the instruction; a breakpoint exception", "Sdtrig 5.7.12"),
    _c("trigger_hit", "hit bits, chain, dmode", "read 0", "Sdtrig 5.7.12", 0),
    _c("trigger_atomic", "triggers at atomics", "LR is a load, SC a store whether it succeeds or"
       " not, an AMO is both", "Sdtrig 5.7.12"),
    _c("trigger_m", "triggers in M and S", "fire in M only with mstatus.MIE, in S only with SIE if"
       " medeleg[3] is set; no tcontrol", "Sdtrig 5.4"),
    _c("trigger_order", "trigger and another exception", "the trigger's breakpoint comes first",
       "3.1.15"),
    _c("trigger_vm", "triggers of a VM", "none: its tselect is an illegal instruction",
       "Sdtrig 5.1.1"),
)  # fmt: skip

_RESET = (
    _c("reset_pc", "pc after reset", f"{RESET_PC:#x}, in M", "3.4", RESET_PC),
    _c("reset_regs", "registers after reset", "a0 = hart, a1 = device tree, others 0", "3.4"),
    _c("reset_csrs", "CSRs after reset", "0, but mstatus (SXL, UXL), stimecmp (all ones), tdata1"
       " (disabled) and read-only ones; PMP off, so S and U can access nothing", "3.4"),
    _c("reset_timer", "mtimecmp after reset", "all ones: no interrupt", "3.2.1"),
)  # fmt: skip

CHOICES: tuple[Choice, ...] = _TRAPS + _MEMORY + _PAGING + _CSRS + _TRIGGERS + _RESET


def c_lines() -> Iterator[str]:
    """One ``#define CHOICE_ID value`` for each choice that is a number (1 and 0: yes and no)."""
    for choice in CHOICES:
        if choice.number is not None:
            text = f"#define CHOICE_{choice.id.upper()} {choice.number:#x}"
            yield f"{text:<52} /* {choice.choice} */"


def text() -> str:
    """The whole table for a reader."""
    lines = ["What the manual leaves open (id): what this machine does [section]", ""]
    for choice in CHOICES:
        lines += [f"{choice.choice} ({choice.id})", f"    {choice.value}  [{choice.section}]"]
    return "\n".join(lines) + "\n"
