"""Random privileged instructions in random states, as one guest that runs them all.

Each case sets CSRs and registers, enters a mode by mret, executes up to six instructions, and
comes back by a trap into M, where everything that software can see is stored as its result.
Only a0 to a3 are operands; the rest of the registers belong to the frame around the cases.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from isa.asm import assemble_insn
from isa.causes import PRIV_M, PRIV_S, PRIV_U

SLOT_WORDS = 8
SET = (  # written before a case, in this order
    "medeleg", "mideleg", "mscratch", "mcause", "mtval", "stvec", "sscratch", "sepc", "scause",
    "stval", "mcounteren", "scounteren", "menvcfg", "senvcfg", "pmpcfg0", "pmpaddr0", "pmpaddr3",
    "stimecmp", "mip", "satp", "mtvec", "mie",
)  # fmt: skip
SEEN = (*SET, "mepc", "sstatus", "sie", "sip", "misa", "mhartid")
OPERANDS = ("a0", "a1", "a2", "a3")
RESULT = ("mstatus", *SEEN, *OPERANDS, "pte")
COUNTERS = ("cycle", "time", "instret", "mcycle", "minstret")
TESTED = (
    *(name for name in SEEN if name not in ("mip", "satp", "mtvec")),
    "mip", "mip", "sip", "sie", "sstatus", "mstatus", "mstatus", "satp", "satp", "mtvec",
    "stimecmp", *COUNTERS, "hpmcounter5", "mvendorid", "mcountinhibit", "pmpcfg2", "pmpaddr20",
    "0x5c0", "0x7c0", "0xf20",
)  # fmt: skip
NUMBERS = {"hpmcounter5": "0xc05", "pmpcfg2": "0x3a2", "pmpaddr20": "0x3c4",
           "mcountinhibit": "0x320"}  # fmt: skip

_ONES = (1 << 64) - 1
_OPEN = 0x1F  # pmpcfg0: entry 0 lets S and U reach everything
_SSIP = 1 << 1
_STCE = 1 << 63
_DELEGABLE = 1 << 0 | 1 << 2 | 1 << 3 | 1 << 4 | 1 << 6 | 1 << 8
_STATUS = 1 << 1 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 18 | 1 << 19 | 7 << 20  # no MIE, MPRV
_ASID = 5
TEST_VA = 0x4000_0000

Value = int | str  # a number, or an expression of the guest's labels


@dataclass
class Case:
    """One case: instructions, the mode they run in, CSRs and registers before."""

    text: str
    mode: int
    instructions: list[str]
    mstatus: int
    csrs: dict[str, Value] = field(default_factory=dict)
    operands: list[Value] = field(default_factory=lambda: [0, 0, 0, 0])

    def __str__(self) -> str:
        mode = {PRIV_U: "U", PRIV_S: "S", PRIV_M: "M"}[self.mode]
        return f"{mode}: {self.text} (mstatus {self.mstatus:#x}, a0-a3 {self.operands})"


def make_cases(seed: int, count: int) -> list[Case]:
    """The same cases for the same seed: mostly CSR instructions, and all others in turn."""
    random = Random(seed)
    kinds = (_csr_case, _csr_case, _csr_case, _system_case, _xret_case, _fence_case)
    return [kinds[n % len(kinds)](random) for n in range(count)]


def _word(random: Random) -> int:
    return random.choice((random.getrandbits(64), random.getrandbits(64), _ONES, 0))


def _base(random: Random, mode: int) -> Case:
    """A random state in which nothing can go on for ever."""
    case = Case("", mode, [], random.getrandbits(64) & _STATUS | mode << 11)
    case.csrs = {name: _word(random) for name in SET}
    translated = mode != PRIV_M and random.random() < 0.3
    root = "root_s" if mode == PRIV_S else "root_u"
    case.csrs |= {
        "medeleg": random.getrandbits(16) & _DELEGABLE,
        "stvec": "landing",
        "sepc": "landing",
        "pmpcfg0": _OPEN | (random.getrandbits(64) & 0x1F1F1F1F1F1F1F00),
        "pmpaddr0": _ONES >> 10,
        "menvcfg": _STCE if random.random() < 0.5 else 0,
        "stimecmp": _ONES,
        "satp": _satp(root) if translated else 0,
        "mtvec": random.choice(("handler", "handler + 1")),
        "mie": random.choice((0, 0, _SSIP, random.getrandbits(12))),
        "mip": random.choice((0, 0, _SSIP, random.getrandbits(12))),
    }
    case.operands = [_word(random) for _ in OPERANDS]
    return case


def _satp(root: str) -> str:
    return f"{8 << 60 | _ASID << 44} + {root} / 4096"


def _mode(random: Random) -> int:
    return random.choice((PRIV_M, PRIV_S, PRIV_S, PRIV_U))


def _csr_case(random: Random) -> Case:
    name = random.choice(TESTED)
    case = _base(random, _mode(random))
    operation = random.choice(("csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci"))
    if name == "satp":  # S must not find itself in an address space of garbage
        operation = "csrrw"
        case.operands[1] = _new_satp(random, case)
    elif name == "mtvec":
        operation = "csrrw"
        case.operands[1] = random.choice(("handler", "handler + 1", "handler + 2"))
    elif name == "stimecmp":
        case.operands[1] = random.choice((0, _ONES, random.getrandbits(62) | 1 << 61))
    target = "x0" if name in COUNTERS else random.choice(("a0", "a0", "a1", "x0"))
    source = _source(random, operation, name)
    case.text = f"{operation} {target}, {name}, {source}"
    number = NUMBERS.get(name, name)
    back = "zero" if name in COUNTERS else "a2"  # what the write has left, before a trap hides it
    case.instructions = [f"{operation} {target}, {number}, {source}", f"csrr {back}, {number}"]
    return case


def _source(random: Random, operation: str, name: str) -> str:
    if operation.endswith("i"):
        return str(random.choice((0, 1, 2, 8, 31)))
    return random.choice(("a1", "a1", "x0")) if name not in ("satp", "mtvec") else "a1"


def _new_satp(random: Random, case: Case) -> Value:
    unsupported = 5 << 60 | random.getrandbits(44)
    if case.mode == PRIV_M:
        return random.choice((unsupported, random.getrandbits(64), 8 << 60 | 1))
    return random.choice((unsupported, _satp("root_s")))


def _system_case(random: Random) -> Case:
    case = _base(random, _mode(random))
    case.text = random.choice(
        ("wfi", "wfi", "wfi", "sret", "mret", "ebreak", "ecall", "sfence.vma", "sfence.vma a1, a2",
         "sfence.vma zero, a2", ".word 0x00200073", ".word 0x10201073", ".word 0x30200573")
    )  # fmt: skip
    if case.text == "wfi":  # it must not wait for ever
        case.csrs["mip"] = case.csrs["mie"] = _SSIP
        if random.random() < 0.8:  # pending, and not taken: else the interrupt comes first
            case.csrs["mideleg"] = _SSIP
            case.mstatus &= ~2
    case.instructions = [case.text]
    return case


def _xret_case(random: Random) -> Case:
    """mret and sret to a random mode: the status of the previous mode is set first."""
    if random.random() < 0.5:
        case = _base(random, PRIV_M)
        modes = random.choice((PRIV_U, PRIV_S, PRIV_M)) << 11
        case.operands[1] = random.getrandbits(20) & ~0x1808 | modes
        case.text = "mret to a random mode"
        case.instructions = ["csrs mstatus, a1", "csrw mepc, a2", "mret"]
    else:
        case = _base(random, random.choice((PRIV_S, PRIV_M)))
        case.operands[1] = random.getrandbits(20) & 0xC0120
        case.text = "sret to a random mode"
        case.instructions = ["csrs sstatus, a1", "csrw sepc, a2", "sret"]
    case.operands[2] = "landing"
    return case


def _fence_case(random: Random) -> Case:
    """Change a page-table entry that is in use, fence, look again."""
    case = _base(random, PRIV_S)
    case.mstatus &= ~(1 << 20)  # TVM has its own cases
    fence = random.choice(("zero, zero", "a2, zero", "zero, a3", "a2, a3"))
    again = random.choice(("ld a0, 0(a2)", "sd a1, 8(a2)", "ld a1, 8(a2)"))
    entry = random.choice(("0xcf", "0x0f", "0x07", "0x03", "0x09", "0", "0x17", "0x05", "0x4f"))
    case.operands = ["table_0", f"page_b / 4096 * 1024 + {entry}", TEST_VA, _ASID]
    case.csrs["satp"] = _satp("root_s")
    case.csrs["mie"] = case.csrs["mip"] = 0
    case.text = f"entry {entry}, sfence.vma {fence}, {again}"
    first = random.choice(("ld zero, 0(a2)", "sd zero, 0(a2)"))
    case.instructions = [first, "sd a1, 0(a0)", f"sfence.vma {fence}", again]
    return case


# ---- the guest ---------------------------------------------------------------------------------


def guest_source(cases: list[Case]) -> str:
    """The whole guest as assembly text."""
    table = "\n".join(_case_data(case) for case in cases)
    return f"{_frame(len(cases))}\n.data\n.align 12\n{_TABLES}cases:\n{table}\n{_results(cases)}"


def _case_data(case: Case) -> str:
    words = [_encode(text) for text in case.instructions]
    words += [_encode("ecall")] * (SLOT_WORDS - len(words))
    pairs = [low | high << 32 for low, high in zip(words[::2], words[1::2], strict=True)]
    values = [*pairs, *(case.csrs[name] for name in SET), *case.operands, case.mstatus]
    return "\n".join(f".dword {value}" for value in values)


def _encode(text: str) -> int:
    return int(text.split()[1], 16) if text.startswith(".word") else assemble_insn(text)


def _results(cases: list[Case]) -> str:
    size = 8 * len(RESULT) * len(cases)
    return f".bss\n.align 12\nresult_begin:\n.space {size}\nresult_end:\n"


def _frame(count: int) -> str:
    pairs = SLOT_WORDS // 2
    patch = "\n".join(f" ld t0, {8 * i}(s1)\n sd t0, {8 * i}(t1)" for i in range(pairs))
    csrs = "\n".join(
        f" ld t0, {8 * (pairs + i)}(s1)\n csrw {name}, t0" for i, name in enumerate(SET)
    )
    at = pairs + len(SET)
    registers = "\n".join(f" ld {name}, {8 * (at + i)}(s1)" for i, name in enumerate(OPERANDS))
    case_size = 8 * (at + len(OPERANDS) + 1)
    seen = "\n".join(f" csrr t0, {name}\n sd t0, {8 * (1 + i)}(s0)" for i, name in enumerate(SEEN))
    kept = 1 + len(SEEN)
    stores = "\n".join(f" sd {name}, {8 * (kept + i)}(s0)" for i, name in enumerate(OPERANDS))
    return f"""
.text
_start:
 la s1, cases
 la s0, result_begin
 li s2, {count}
next:
 la t1, slot
{patch}
 la t0, page_a
 srli t0, t0, 2
 ori t0, t0, 0xf
 la t1, table_0
 sd t0, 0(t1)
 fence.i
 sfence.vma
{csrs}
{registers}
 ld t0, {8 * (at + len(OPERANDS))}(s1)
 csrw mstatus, t0
 la t0, slot
 csrw mepc, t0
 mret
 .align 8
handler:
{_VECTORS}
entry:
 csrr t0, mstatus
 li t1, 0x1800
 csrw mstatus, t1
 sd t0, 0(s0)
{seen}
{stores}
 la t1, table_0
 ld t0, 0(t1)
 sd t0, {8 * (kept + len(OPERANDS))}(s0)
 csrw mie, zero
 csrw satp, zero
 li t0, 0x1800
 csrw mstatus, t0
 addi s0, s0, {8 * len(RESULT)}
 addi s1, s1, {case_size}
 addi s2, s2, -1
 beqz s2, done
 j next
done:
 li a0, 0x100000
 li a1, 0x5555
 sw a1, 0(a0)
1: j 1b
 .section .stubs, "awx"
 .align 12
slot:
 .space {4 * SLOT_WORDS}
 ecall
landing:
 ecall
"""


_VECTORS = "\n".join([" j entry"] * 16)
_TABLES = f"""
root_s:
 .dword 0
 .dword table_1 / 4096 * 1024 + 1
 .dword {0x80000000 >> 2 | 0xCF}
 .space {4096 - 24}
root_u:
 .dword 0
 .dword 0
 .dword {0x80000000 >> 2 | 0xDF}
 .space {4096 - 24}
table_1:
 .dword table_0 / 4096 * 1024 + 1
 .space {4096 - 8}
table_0:
 .space 4096
page_a:
 .dword 0xaaaaaaaa
 .space {4096 - 8}
page_b:
 .dword 0xbbbbbbbb
 .space {4096 - 8}
"""
