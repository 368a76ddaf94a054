"""Guests that are careless, each in its own way."""

from dataclasses import dataclass

_TRAP_HANDLER = "handler: .word 0\n"
_TO_S = """
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    li t0, 0xb000
    csrw medeleg, t0
    li t0, 0x800
    csrw mstatus, t0
    la t0, supervisor
    csrw mepc, t0
"""


@dataclass(frozen=True)
class Careless:
    """A guest, and what a postmortem must say of it: on the bare machine and of a VM."""

    source: str
    bare: tuple[str, ...]
    vm: tuple[str, ...]
    reason: str = "no-progress"


SAME_TRAP = "the same trap 1000 times"
FOR_EVER = "traps for ever without executing anything"

CARELESS = {
    "garbage": Careless(
        f"""
_start:
    la t0, handler
    csrw mtvec, t0
    .word 0xffffffff
    .align 2
{_TRAP_HANDLER}""",
        (SAME_TRAP, "M-mode", "in handler", "illegal instruction", "[0000]", "value 0xffffffff"),
        (FOR_EVER, "virtual M-mode", "in handler", "illegal instruction", "GVA 0x80000010"),
    ),
    "jump-to-0": Careless(
        "_start: jr zero\n",
        (SAME_TRAP, "virtual 0x0, physical 0x0, outside RAM", "instruction access fault"),
        (FOR_EVER, "GVA 0x0, GPA 0x0, outside the VM's RAM", "instruction access fault"),
    ),
    "foreign-memory": Careless(
        """
_start:
    la t0, handler
    csrw mtvec, t0
    li a0, 0x90000000
    .align 2
handler:
    sd a1, 0(a0)
""",
        (SAME_TRAP, "sd a1, 0(a0)", "store/AMO access fault", "physical 0x90000000, outside RAM"),
        (FOR_EVER, "sd a1, 0(a0)", "store/AMO access fault", "GPA 0x90000000, outside the VM's"),
    ),
    "unmapped-page": Careless(
        f"""
_start:
{_TO_S}
    la t0, handler
    csrw stvec, t0
    la t1, root
    la t0, entries
    sd t0, 16(t1)
    srli t0, t1, 12
    li t2, 0x200000cf
    sd t2, 16(t1)
    li t2, 8
    slli t2, t2, 60
    or t0, t0, t2
    csrw satp, t0
    sfence.vma
    mret
supervisor:
    li a0, 0x40000008
    .align 2
handler:
    ld a1, 0(a0)
entries:
    .align 12
root:
    .space 4096
""",
        (
            SAME_TRAP,
            "S-mode",
            "ld a1, 0(a0)",
            "load page fault",
            "virtual 0x40000008, which is not mapped",
            "level 2: entry at physical",
            "the entry is not valid",
        ),
        (
            FOR_EVER,
            "virtual S-mode",
            "ld a1, 0(a0)",
            "load page fault",
            "GVA 0x40000008, which has no GPA",
            "level 2: entry at GPA",
            "the entry is not valid",
        ),
    ),
    "bad-finisher": Careless(
        """
_start:
    la t0, handler
    csrw mtvec, t0
    li a0, 0x100000
    li a1, 0x1234
    .align 2
handler:
    sw a1, 0(a0)
""",
        (SAME_TRAP, "sw a1, 0(a0)", "store/AMO access fault", "0x100000"),
        (FOR_EVER, "sw a1, 0(a0)", "store/AMO access fault", "GPA 0x100000"),
    ),
    "waits-for-nothing": Careless(
        "_start:\n    csrw mie, zero\n    wfi\n1:  j 1b\n",
        ("nothing could ever wake it", "in _start+0x4", "wfi", "mie=0x0"),
        ("no enabled interrupt could ever wake it", "in _start+0x4", "wfi", "virtual M-mode"),
        "stuck",
    ),
    "trap-loop": Careless(
        """
_start:
    la t0, handler
    csrw mtvec, t0
    ecall
    .align 2
handler:
    ecall
""",
        (SAME_TRAP, "environment call from M-mode", "in handler", "ecall"),
        (FOR_EVER, "environment call from M-mode", "in handler", "ecall"),
    ),
}
REPORTS_FAILURE = """
_start:
    li a0, 0x100000
    li a1, 0x73333
    sw a1, 0(a0)
1:  j 1b
"""
