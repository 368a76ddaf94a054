"""A guest that takes known traps in a known order, and what is true of each, written by hand.

Nothing here is computed by what is tested: causes, modes and values are those of the privileged
manual for this program text; addresses are labels of the assembled file.
"""

from __future__ import annotations

from dataclasses import dataclass, field

HOLE = 0x4000_0000  # neither RAM nor a device
ROOT_ENTRY = 0x2000_00CF  # gigapage 0x80000000: V R W X A D
IRQ = 1 << 63

SETUP = """\
_start:     la t0, m_handler
            csrw mtvec, t0
            la t0, s_handler
            csrw stvec, t0
            li t0, -1
            csrw pmpaddr0, t0
            li t0, 0x1f
            csrw pmpcfg0, t0
            li t0, 0xb300
            csrw medeleg, t0
            li t0, 2
            csrw mideleg, t0
            la t1, root
            li t2, 0x200000cf
            sd t2, 16(t1)
            li t2, 0x1234
"""
# (label, what is done before, the instruction that traps); s0: where the handlers return to
PROGRAM = (
    ("m_write", "", "csrw mscratch, t2"),
    ("m_read", "", "csrr a0, mscratch"),
    ("m_misa", "", "csrr a0, misa"),
    ("m_break", "", "ebreak"),
    ("m_illegal", "", ".word 0xffffffff"),
    ("m_ecall", "", "ecall"),
    ("m_load", "li t1, 0x40000000", "lw a0, 4(t1)"),
    ("m_store", "", "sw a0, 8(t1)"),
    ("m_fetch", "", "jr t1"),
    ("m_uart", "li t1, 0x10000000", "lbu a0, 5(t1)"),
    ("m_compare", "li t1, 0x2004000", "sd zero, 0(t1)"),
    ("m_timer_on", "li t0, 0x80\n csrw mie, t0", "csrsi mstatus, 8"),
    ("m_no_timer", "li t0, -1\n li t1, 0x2004000", "sd t0, 0(t1)"),
    ("m_soft_on", "li t1, 0x2000000\n li t2, 1\n sw t2, 0(t1)\n li t0, 8", "csrw mie, t0"),
    ("m_mret", "sw zero, 0(t1)\n li t0, 0x1800\n csrc mstatus, t0\n li t0, 0x800\n"
               " csrs mstatus, t0\n la t0, m_mret_next\n csrw mepc, t0", "mret"),
    ("s_ecall", "", "ecall"),
    ("s_mstatus", "", "csrr a0, mstatus"),
    ("s_soft_on", "csrwi sie, 2\n csrsi sstatus, 2", "csrsi sip, 2"),
    ("s_satp", "csrci sip, 2\n la t2, root\n srli t2, t2, 12\n li t3, 8\n slli t3, t3, 60\n"
               " or t2, t2, t3", "csrw satp, t2"),
    ("s_sfence", "", "sfence.vma"),
    ("s_load", "li t1, 0x40000000", "lw a0, 4(t1)"),
    ("s_store", "", "sw a0, 8(t1)"),
    ("s_fetch", "", "jr t1"),
    ("s_sret", "csrw satp, zero\n sfence.vma\n li t0, 0x100\n csrc sstatus, t0\n"
               " la t0, s_sret_next\n csrw sepc, t0", "sret"),
    ("u_ecall", "", "ecall"),
    ("u_sret", "", "sret"),
    ("u_sstatus", "", "csrr a0, sstatus"),
    ("u_wfi", "", "wfi"),
)  # fmt: skip
END = """\
            li t0, 0x100000
            li t1, 0x5555
            sw t1, 0(t0)
            .balign 4
m_handler:  csrw mie, zero
            csrw mepc, s0
            mret
            .balign 4
s_handler:  csrw sie, zero
            csrw sepc, s0
            sret
            .balign 4096
root:       .zero 4096
"""


def source() -> str:
    """The guest's text."""
    parts = [
        f"la s0, {label}_next\n {before}\n{label}: {instruction}\n{label}_next:\n"
        for label, before, instruction in PROGRAM
    ]
    return "\n".join([SETUP, *parts, END])


@dataclass(frozen=True)
class Bare:
    """A trap of the bare machine: cause, modes, handler, trap value ("": the pc), a word of why."""

    label: str
    cause: int
    modes: str
    value: int | str
    why: str
    pc: int | None = None  # None: at the label

    @property
    def resume(self) -> str:
        """Where the handler goes back to: an interrupted instruction is still to come."""
        return self.label if self.cause & IRQ else f"{self.label}_next"

    @property
    def handler(self) -> str:
        """Named by the mode that it runs in."""
        return {"M": "m_handler", "S": "s_handler"}[self.modes[1]]


BARE = (
    Bare("m_break", 3, "MM", "", "ebreak traps"),
    Bare("m_illegal", 2, "MM", 0xFFFFFFFF, "no instruction of this machine"),
    Bare("m_ecall", 11, "MM", 0, "asks the next layer"),
    Bare("m_load", 5, "MM", HOLE + 4, "neither RAM nor a device"),
    Bare("m_store", 7, "MM", HOLE + 8, "neither RAM nor a device"),
    Bare("m_fetch", 1, "MM", HOLE, "neither RAM nor a device", HOLE),
    Bare("m_timer_on_next", IRQ | 7, "MM", 0, "machine timer interrupt: pending in mip"),
    Bare("m_soft_on_next", IRQ | 3, "MM", 0, "machine software interrupt: pending in mip"),
    Bare("s_ecall", 9, "SS", 0, "asks the next layer"),
    Bare("s_mstatus", 2, "SM", 0x30002573, "mstatus needs M-mode"),
    Bare("s_soft_on_next", IRQ | 1, "SS", 0, "supervisor software interrupt: pending in mip"),
    Bare("s_load", 13, "SS", HOLE + 4, "the entry is not valid"),
    Bare("s_store", 15, "SS", HOLE + 8, "the entry is not valid"),
    Bare("s_fetch", 12, "SS", HOLE, "the entry is not valid", HOLE),
    Bare("u_ecall", 8, "US", 0, "asks the next layer"),
    Bare("u_sret", 2, "UM", 0x10200073, "sret needs S-mode"),
    Bare("u_sstatus", 2, "UM", 0x10002573, "sstatus needs S-mode"),
    Bare("u_wfi", 2, "UM", 0x10500073, "wfi needs S-mode"),
)


@dataclass(frozen=True)
class Virtual:
    """A trap of the guest as a VM: real cause, virtual modes, reason, the VMM's function.

    `changes`: values of vCPU and virtual devices afterwards; "label" is an address.  `status`:
    fields of mstatus that the trap sets.  `guest`: the handler of its own that it is given to.
    """

    label: str
    cause: int
    modes: str
    reason: str
    function: str
    changes: dict[str, int | str] = field(default_factory=dict)
    guest: str = ""
    pc: int | None = None
    why: str = ""


def _reflected(
    label: str, real: int, modes: str, reason: str, cause: int, value: int | str, function: str,
    why: str = "", pc: int | None = None, epc: str = "",
) -> Virtual:  # fmt: skip
    """A trap that the guest's own kernel gets: its CSRs of the level it traps to are set."""
    level = modes[1].lower()
    changes = {
        f"{level}epc": (epc or label) if pc is None else pc,
        f"{level}cause": cause,
        f"{level}tval": value,
    }
    return Virtual(label, real, modes, reason, function, changes, f"{level}_handler", pc, why)


VIRTUAL = (
    Virtual("m_write", 2, "MM", "csr", "emulate_csr", {"mscratch": 0x1234}, why="privileged"),
    Virtual("m_read", 2, "MM", "csr", "emulate_csr", {"a0": 0x1234}, why="virtual M is real U"),
    Virtual("m_misa", 2, "MM", "csr", "emulate_csr", {"a0": 0x8000000000141105}),
    _reflected("m_break", 3, "MM", "exception", 3, "m_break", "vm_run", "ebreak traps"),
    _reflected("m_illegal", 2, "MM", "exception", 2, 0xFFFFFFFF, "", "no instruction of this"),
    _reflected("m_ecall", 8, "MM", "ecall", 11, 0, "vm_run", "ecall traps in every mode"),
    _reflected("m_load", 13, "MM", "guest_fault", 5, HOLE + 4, "fault_exit", "own access fault"),
    _reflected("m_store", 15, "MM", "guest_fault", 7, HOLE + 8, "fault_exit", "own access fault"),
    _reflected("m_fetch", 12, "MM", "guest_fault", 1, HOLE, "fault_exit", "neither RAM", HOLE),
    Virtual("m_uart", 13, "MM", "mmio_uart", "mmio_access", {"a0": 0x60}, why="is a device"),
    Virtual("m_compare", 15, "MM", "mmio_clint", "mmio_access", {"clint.mtimecmp": 0}),
    _reflected("m_timer_on", 2, "MM", "csr", IRQ | 7, 0, "emulate_csr", epc="m_timer_on_next"),
    _reflected("m_soft_on", 2, "MM", "csr", IRQ | 3, 0, "emulate_csr", epc="m_soft_on_next"),
    Virtual("m_mret", 2, "MS", "mret", "emulate_exit", {}, why="mret emulated"),
    _reflected("s_ecall", 8, "SS", "ecall", 9, 0, "vm_run", "virtual S"),
    _reflected("s_mstatus", 2, "SM", "exception", 2, 0x30002573, "", "mstatus needs M-mode"),
    _reflected("s_soft_on", 2, "SS", "csr", IRQ | 1, 0, "emulate_csr", epc="s_soft_on_next"),
    Virtual("s_satp", 2, "SS", "csr", "emulate_csr", {"satp": "satp"}),
    Virtual("s_sfence", 2, "SS", "sfence", "emulate_", {}, why="shadow entries dropped"),
    _reflected("s_load", 13, "SS", "guest_fault", 13, HOLE + 4, "fault_exit", "own fault"),
    _reflected("s_store", 15, "SS", "guest_fault", 15, HOLE + 8, "fault_exit", "own fault"),
    _reflected("s_fetch", 12, "SS", "guest_fault", 12, HOLE, "fault_exit", "own fault", HOLE),
    Virtual("s_sret", 2, "SU", "sret", "emulate_exit", {}, why="sret emulated"),
    _reflected("u_ecall", 8, "US", "ecall", 8, 0, "vm_run", "virtual U"),
    _reflected("u_sret", 2, "UM", "exception", 2, 0x10200073, "", "sret needs S-mode"),
    _reflected("u_sstatus", 2, "UM", "exception", 2, 0x10002573, "", "sstatus needs S-mode"),
    _reflected("u_wfi", 2, "UM", "exception", 2, 0x10500073, "", "wfi needs S-mode"),
)  # fmt: skip
