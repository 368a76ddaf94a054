"""Cases that meet every instruction in every mode, with and without paging.

The table of ``isa`` gives encodings and names only; what a word does is for the runners to say.
"""

from __future__ import annotations

from random import Random

from isa.decode import decode
from isa.encode import encode, forbidden, operand_range
from isa.spec import Insn
from isa.table import instructions
from tests.oracle import StepResult
from tests.oracle import csr as csrs
from tests.oracle.csr import NUMBER

from . import asm
from .builder import POINTERS, Builder
from .case import Case
from .layout import DATA, DATA_END
from .privileged import M, S, U, csr_value, enter, handler
from .translated import Tables

# The whole profile, typed from the manual's tables: what must have a row.
PROFILE = """
lui auipc jal jalr beq bne blt bge bltu bgeu lb lh lw lbu lhu sb sh sw addi slti sltiu xori ori andi
slli srli srai add sub sll slt sltu xor srl sra or and fence ecall ebreak lwu ld sd addiw slliw
srliw sraiw addw subw sllw srlw sraw fence.i csrrw csrrs csrrc csrrwi csrrsi csrrci mul mulh mulhsu
mulhu div divu rem remu mulw divw divuw remw remuw lr.w sc.w amoswap.w amoadd.w amoxor.w amoand.w
amoor.w amomin.w amomax.w amominu.w amomaxu.w lr.d sc.d amoswap.d amoadd.d amoxor.d amoand.d amoor.d
amomin.d amomax.d amominu.d amomaxu.d sret mret wfi sfence.vma c.addi4spn c.lw c.ld c.sw c.sd c.nop
c.addi c.addiw c.li c.addi16sp c.lui c.srli c.srai c.andi c.sub c.xor c.or c.and c.subw c.addw c.j
c.beqz c.bnez c.slli c.lwsp c.ldsp c.jr c.mv c.ebreak c.jalr c.add c.swsp c.sdsp
""".split()
PLACES = tuple((priv, paging) for priv in (U, S, M) for paging in (False, True))
TURNS = (*PLACES, (M, False), (M, True))  # what traps in M ends the case: M needs more of them
PER_CASE = 18
FIRST_SHORT, LAST_SHORT = 12, 16  # x12 to x15: the targets that three bits can name
Cell = tuple[str, int, bool]

# What a case in each mode may write without losing its way.
_M_CSRS = (
    "mscratch mepc mcause mtval medeleg mideleg mie mcounteren menvcfg pmpaddr3 pmpaddr7 sscratch "
    "sepc scause stval scounteren senvcfg misa mconfigptr mhartid mvendorid"
).split()
_S_CSRS = "sscratch sepc scause stval scounteren senvcfg sie satp mscratch mepc".split()
_U_CSRS = "sscratch sepc mscratch satp sstatus".split()
_COUNTERS = ["cycle", "time", "instret"]


def met(steps: tuple[StepResult, ...]) -> set[Cell]:
    """The cells that the steps of a case met: executed, or fetched and refused."""
    found = set()
    for step in steps:
        decoded = None if step.word is None else decode(step.word)
        if decoded is not None:
            found.add((decoded.insn.name, step.priv, step.paging))
    return found


def cell_case(b: Builder) -> Case:
    """``PER_CASE`` instructions in turn of the table, in one mode with paging or without."""
    number = int(b.name.partition("/")[2])
    priv, paging = TURNS[number % len(TURNS)]
    _set_up(b, priv, paging)
    chosen = _turn(number // len(TURNS) * PER_CASE)
    if priv == M:
        chosen.sort(key=lambda insn: insn.name in _LEAVES_M)
        while len(chosen) > 1 and chosen[-2].name in _LEAVES_M:
            del chosen[b.rng.choice((-1, -2))]
        if b.rng.random() < 0.5 and not {"sret", "mret"} & {insn.name for insn in chosen}:
            _lend(b)
    for insn in chosen:
        _emit(b, insn, priv)
    b.emit(asm.ECALL)
    return b.case()


_LEAVES_M = ("ebreak", "c.ebreak", "sret")


def _turn(first: int) -> list[Insn]:
    """The next instructions of the table, which each round has in an order of its own."""
    table = [insn for insn in instructions() if insn.name in PROFILE and insn.name != "ecall"]
    places = range(first, first + PER_CASE)
    return [_shuffled(table, k // len(table))[k % len(table)] for k in places]


def _shuffled(table: list[Insn], number: int) -> list[Insn]:
    order = table.copy()
    Random(number).shuffle(order)
    return order


def _set_up(b: Builder, priv: int, paging: bool) -> None:
    """Everything delegated and resumed; a pending interrupt that nobody takes, for wfi."""
    enter(b, priv)
    b.csr["mstatus"] &= ~(csrs.SIE | csrs.SPIE | csrs.MIE | csrs.MPIE)
    b.csr["medeleg"] = csrs.MEDELEG & ~(1 << 9) & ~(1 << 8)
    b.csr["mideleg"] = csrs.S_INTERRUPTS
    b.csr["mcounteren"], b.csr["scounteren"] = (
        b.rng.choice((7, b.rng.getrandbits(3))) for _ in "MS"
    )
    refused = b.rng.random() < 0.05  # the handler's own sret would be, too: it ends the case
    b.csr["mstatus"] = b.csr["mstatus"] & ~csrs.TSR | (csrs.TSR if refused else 0)
    handler(b, not refused, ("scause", "sepc", "sstatus", "sip"))
    if priv != U:
        b.csr["mie"] = csrs.SSI
    for pointer in POINTERS:
        b.x[pointer] = b.rng.randrange(DATA + 0x300, DATA_END - 0x400, 8)
    if paging:
        Tables(b, user_code=priv == U, easy=0.9 if priv == M else 0.8).finish()


def _lend(b: Builder) -> None:
    """M uses the rights of another mode for its loads and stores."""
    status = b.rng.choice((U, S, M)) << csrs.M_BITS | csrs.MPRV | csrs.SUM
    b.emit(asm.csr(2, 0, b.holding(status), NUMBER["mstatus"]))


def _emit(b: Builder, insn: Insn, priv: int) -> None:
    """One instruction with what it needs around it; a 16-bit one in a pair."""
    special = _SPECIAL.get(insn.name) or _SPECIAL.get(insn.kind)
    if special is not None:
        special(b, insn, priv)
    else:
        _plain(b, insn)


def _plain(b: Builder, insn: Insn, **fixed: int) -> None:
    values = {name: _operand(b, insn, name) for name in insn.operands} | fixed
    word = encode(insn, values)
    if insn.bits == 32:
        b.emit(word)
    else:
        b.emit16(word)
        b.emit16(0x0001)


def _operand(b: Builder, insn: Insn, name: str) -> int:
    """A value that keeps pointers and the code's way as they are."""
    rng, excluded = b.rng, forbidden(insn, name)
    reads_memory = insn.kind in ("load", "store", "lr", "sc", "amo") or "'" in name
    if name == "rd" or name == "rd'":
        low = range(FIRST_SHORT, LAST_SHORT)
        return rng.choice(low) if name == "rd'" else _other_than(b.target, excluded)
    if name == "rs1" and reads_memory:
        return rng.choice(POINTERS)
    if name == "rs1'":
        return rng.choice(POINTERS[1:])
    if name in ("rs1", "rs2"):
        return _other_than(b.source, excluded)
    values = operand_range(insn, name)
    if name == "imm" and insn.kind in ("load", "store"):
        values = range(-64, 64)
        return rng.choice(values) & ~7 if rng.random() < 0.7 else rng.choice(values)
    return _other_than(lambda: rng.choice(values), excluded)


def _other_than(draw: object, excluded: set[int]) -> int:
    assert callable(draw)
    while (value := int(draw())) in excluded:
        pass
    return value


def _jump(b: Builder, insn: Insn, priv: int) -> None:
    """Over one instruction that shows whether it was jumped over."""
    skipped = asm.addi(b.target(), b.source(), b.rng.getrandbits(11))
    short = insn.bits == 16
    if insn.name not in ("jalr", "c.jr", "c.jalr"):
        _word(b, insn, imm=8)
    else:
        base = b.holding(b.here + 8 + b.rng.randrange(2))
        if not base:  # every register that may hold an operand is taken
            return
        _word(b, insn, rs1=base, **({} if short else {"imm": 0}))
    if short:
        b.emit16(0x0001)
    b.emit(skipped)


def _word(b: Builder, insn: Insn, **fixed: int) -> None:
    values = {name: _operand(b, insn, name) for name in insn.operands} | fixed
    word = encode(insn, values)
    (b.emit if insn.bits == 32 else b.emit16)(word)


def _atomic(b: Builder, insn: Insn, priv: int) -> None:
    """An sc mostly after its lr; the address is sometimes misaligned."""
    base = b.rng.choice(POINTERS)
    if b.rng.random() < (0.05 if priv == M else 0.15) and insn.kind != "sc":
        base = b.holding(b.x[base] + b.rng.randrange(8)) or base
    if insn.kind == "sc" and b.rng.random() < 0.8:
        width = 3 if insn.name.endswith("d") else 2
        b.emit(asm.r(0x2F, width, 2 << 2, b.target(), base, 0))
    _plain(b, insn, rs1=base)


def _csr(b: Builder, insn: Insn, priv: int) -> None:
    """Of a CSR of the mode, mostly; counters are never read into a register."""
    names = {U: _U_CSRS, S: _S_CSRS, M: _M_CSRS}[priv]
    if priv == U and b.rng.random() < 0.7:
        names = _COUNTERS
    name = b.rng.choice(names)
    fixed = {"csr": NUMBER[name]}
    if name in _COUNTERS:
        fixed["rd"] = 0
        if b.rng.random() < 0.8:
            fixed["uimm5" if "uimm5" in insn.operands else "rs1"] = 0
    elif name == "satp" and priv == S:
        fixed["uimm5" if "uimm5" in insn.operands else "rs1"] = 0
        if insn.name.startswith("csrrw"):
            fixed["csr"] = NUMBER["sscratch"]
    elif "rs1" in insn.operands:
        fixed["rs1"] = b.holding(csr_value(b, name)) if b.rng.random() < 0.8 else 0
    _plain(b, insn, **fixed)


def _return(b: Builder, insn: Insn, priv: int) -> None:
    """To what follows, in the same mode where the mode may return (M's sret goes to S)."""
    name, bits, epc = "mstatus", 3 << csrs.M_BITS, "mepc"
    clear = csrs.MPIE | csrs.SPIE
    if insn.name == "sret":
        name, bits, epc = "mstatus" if priv == M else "sstatus", csrs.SPP, "sepc"
    if priv == (M if insn.name == "mret" else S) or (priv, insn.name) == (M, "sret"):
        register = b.holding(clear)
        after = b.holding(b.here + 16)
        if not after:
            return
        b.emit(asm.csr(3, 0, register, NUMBER[name]), asm.csr(2, 0, b.holding(bits), NUMBER[name]))
        b.emit(asm.csrw(NUMBER[epc], after))
    b.emit(insn.match)


def _wait(b: Builder, insn: Insn, priv: int) -> None:
    """With a software interrupt pending, so that it ends."""
    if priv != U:
        b.emit(asm.csr(6, 0, 2, NUMBER["mip" if priv == M else "sip"]))
    b.emit(insn.match)


_SPECIAL = {
    "branch": _jump, "jump": _jump, "c.j": _jump, "c.beqz": _jump, "c.bnez": _jump, "c.jr": _jump,
    "c.jalr": _jump, "lr": _atomic, "sc": _atomic, "amo": _atomic, "csr": _csr, "mret": _return,
    "sret": _return, "wfi": _wait,
}  # fmt: skip
