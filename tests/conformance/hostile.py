"""Programs that nobody meant: random bytes, random page tables, random writes to every CSR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random

from simvirt.loader import load_elf
from simvirt.machine import Machine, Stop
from simvirt.virt.stacks import Guest, Options, make_stack
from tests.differential import asm
from tests.differential.bare import elf
from tests.oracle.csr import MIE, NUMBER, SIE, SXL, TRIGGER_NAMES, TRIGGERS, UXL

RAM, SIZE, PAGE = 0x8000_0000, 1 << 20, 4096
HANDLER, CODE, DATA, ROOT = RAM, RAM + PAGE, RAM + 8 * PAGE, RAM + 64 * PAGE
START = RAM + 2 * PAGE  # where other harts than the first begin
TABLES = 4
CODE_WORDS = 1024
_ARMING = [NUMBER[name] for name in (*TRIGGER_NAMES, "pmpcfg0", "pmpaddr0", "pmpaddr1")]
DEVICES = (0x0010_0000, 0x0200_0000, 0x0200_4000, 0x0C00_0000, 0x0C20_0004, 0x1000_0000)


@dataclass
class Program:
    """What lies in RAM, the hart's words at the start, and does software set A and D?"""

    memory: dict[int, bytes]
    hart: dict[str, int] = field(default_factory=dict)
    ad_faults: bool = False


def _words(words: list[int]) -> bytes:
    return b"".join(word.to_bytes(4, "little") for word in words)


def _skip(epc: str, back: int) -> bytes:
    """A handler that goes on two bytes further; it uses x31 only."""
    number = NUMBER[epc]
    return _words([asm.csrr(31, number), asm.addi(31, 31, 2), asm.csrw(number, 31), back])


def _start(rng: Random, code: bytes) -> Program:
    """Random registers; both handlers go on; RAM is open to every mode, but for a locked part."""
    pointers = (*range(DATA, DATA + 8 * PAGE, 520), *DEVICES, 0, RAM + SIZE - 4, (1 << 64) - 8)
    hart = {
        f"x{i}": rng.choice((rng.getrandbits(64), *[rng.choice(pointers)] * 3))
        for i in range(1, 32)
    }
    hart |= {"mtvec": HANDLER, "stvec": HANDLER + 64} | _protection(rng)
    hart |= {"pc": CODE, "priv": rng.choice((0, 1, 3)), "medeleg": rng.getrandbits(16) & 0xB3FF}
    handlers = _skip("mepc", asm.MRET).ljust(64, b"\0") + _skip("sepc", asm.SRET)
    hart |= _triggers(rng)
    memory = {HANDLER: handlers, CODE: code, DATA: rng.randbytes(8 * PAGE)}
    return Program(memory, hart, rng.random() < 0.3)


def _protection(rng: Random) -> dict[str, int]:
    """Two entries: the first, sometimes locked, for a part of the data; the second for all else."""
    size = rng.randrange(3, 15)
    part = DATA + (rng.randrange(8 * PAGE) >> size << size)
    locked = rng.choice((0, 0, 0x80)) | rng.choice((0, 1, 3, 4, 5, 7)) | rng.choice((0, 2, 3)) << 3
    words = {"pmpaddr0": part >> 2 | (1 << size - 3) - 1, "pmpaddr1": (1 << 54) - 1}
    return words | {"pmpcfg0": 0x1F << 8 | locked}


def _triggers(rng: Random) -> dict[str, int]:
    """Breakpoints in the code and at data, of some modes, held back or not; none in every other."""
    words = {"mstatus": UXL | SXL | rng.getrandbits(4) & (MIE | SIE)}
    if rng.random() < 0.5:
        return words
    for n in range(TRIGGERS):
        words[f"tdata1_{n}"] = 6 << 60 | rng.getrandbits(7) & 0x5F
        at = rng.choice((CODE + 2 * rng.randrange(2 * CODE_WORDS), DATA + 8 * rng.randrange(4096)))
        words[f"tdata2_{n}"] = rng.choice((at, at, rng.getrandbits(64)))
    return words


def random_bytes(rng: Random) -> Program:
    """Nothing but noise."""
    return _start(rng, rng.randbytes(4 * CODE_WORDS))


def random_operations(rng: Random) -> Program:
    """Noise with the opcodes of the profile, so that more of it executes."""
    opcodes = (0x03, 0x0F, 0x13, 0x17, 0x1B, 0x23, 0x2F, 0x33, 0x37, 0x3B, 0x63, 0x67, 0x6F, 0x73)
    words = [rng.getrandbits(32) & ~0x7F | rng.choice(opcodes) for _ in range(CODE_WORDS)]
    for k in range(0, CODE_WORDS, 8):
        reserve = asm.r(0x2F, rng.choice((2, 3)), 2 << 2, 1, rng.randrange(1, 31), 0)
        words[k + rng.randrange(8)] = rng.choice((asm.ECALL, asm.EBREAK, reserve))
    return _start(rng, _words(words))


def random_csrs(rng: Random) -> Program:
    """Writes to every CSR number with random values, between other privileged instructions."""
    words = []
    for _ in range(CODE_WORDS):
        known = rng.choice(_ARMING if rng.random() < 0.2 else list(NUMBER.values()))
        number = rng.choice((rng.randrange(4096), known))
        word = asm.csr(rng.choice((1, 2, 3, 5, 6, 7)), rng.randrange(32), rng.randrange(32), number)
        rare = (
            asm.MRET,
            asm.SRET,
            asm.WFI,
            asm.SFENCE,
            asm.ECALL,
            asm.ld(5, 6, 0),
            asm.sd(5, 7, 0),
        )
        words.append(word if rng.random() < 0.8 else rng.choice(rare))
    program = _start(rng, _words(words))
    program.hart["priv"] = rng.choice((3, 3, 1))
    for i in rng.sample(range(1, 31), 6):  # what arms triggers and locks entries
        locks = rng.getrandbits(64) & 0x9F9F9F9F9F9F9F9F
        program.hart[f"x{i}"] = rng.choice((6 << 60 | rng.getrandbits(7), CODE + 2 * i, locks))
    return program


def random_tables(rng: Random) -> Program:
    """Loads, stores and jumps in S or U through tables of noise and of almost legal entries."""
    words = []
    for _ in range(CODE_WORDS):
        rs1, rs2, rd = (rng.randrange(1, 31) for _ in range(3))
        words.append(rng.choice((
            asm.i(0x03, rng.randrange(7), rd, rs1, rng.getrandbits(12)),
            asm.s(rng.randrange(4), rs1, rs2, rng.getrandbits(12)),
            asm.r(0x2F, rng.choice((2, 3)), rng.choice((0, 4, 8, 12)), rd, rs1, rs2),
            asm.i(0x67, 0, rd, rs1, 0) if rng.random() < 0.05 else asm.SFENCE,
            asm.r(0x33, 0, 0, rd, rs1, rs2),
        )))  # fmt: skip
    program = _start(rng, _words(words))
    for k in range(TABLES):
        program.memory[ROOT + k * PAGE] = _table(rng)
    identity = RAM >> 12 << 10 | 0xCF | rng.choice((0, 0x10))
    program.memory[ROOT + (RAM >> 30) * 8] = identity.to_bytes(8, "little")
    program.hart |= {"priv": rng.choice((0, 1)), "satp": 8 << 60 | ROOT >> 12}
    for i in range(1, 31):
        program.hart[f"x{i}"] = rng.choice((rng.getrandbits(39), rng.getrandbits(64), DATA))
    return program


def _table(rng: Random) -> bytes:
    """A page of entries: noise, leaves, and pointers to these tables, themselves included."""
    entries = []
    for _ in range(512):
        kind = rng.randrange(3)
        target = ROOT + rng.randrange(TABLES) * PAGE if kind == 2 else RAM + rng.randrange(SIZE)
        entry = target >> 12 << 10 | (1 if kind == 2 else rng.getrandbits(8) | 1)
        entries.append(rng.getrandbits(64) if kind == 0 else entry)
    return b"".join(entry.to_bytes(8, "little") for entry in entries)


KINDS: dict[str, Callable[[Random], Program]] = {
    "bytes": random_bytes,
    "operations": random_operations,
    "csrs": random_csrs,
    "tables": random_tables,
}


def machine(kind: str, number: int) -> Machine:
    """Our machine, ready to run program ``number`` of a kind; every third one has two harts."""
    program = KINDS[kind](Random(f"{kind}/{number}"))
    segments = [(START, _other_harts()), *sorted(_disjoint(program.memory).items())]
    guest = Guest("hostile", load_elf(elf(segments)))
    options = Options(mem=SIZE, harts=1 + (number % 3 == 2), quantum=100,
                      ad_faults=program.ad_faults)  # fmt: skip
    made = make_stack("bare", [guest], options).machine
    for name, value in program.hart.items():
        made.state.set_hart(name, value)
    return made


def _other_harts() -> bytes:
    """They run the same code with the same handler, from registers that are zero."""
    to_handler = [*asm.constant(31, HANDLER), asm.csrw(NUMBER["mtvec"], 31)]
    return _words([*to_handler, *asm.constant(31, CODE), asm.i(0x67, 0, 0, 31, 0)])


def _disjoint(memory: dict[int, bytes]) -> dict[int, bytes]:
    """Entries that lie inside another span, written into it."""
    spans = {at: bytearray(data) for at, data in memory.items() if len(data) > 8}
    for at, data in memory.items():
        if len(data) <= 8:
            base = next(start for start in spans if start <= at < start + len(spans[start]))
            spans[base][at - base : at - base + len(data)] = data
    return {at: bytes(data) for at, data in spans.items()}


def run(made: Machine, steps: int, pieces: int = 1) -> Stop:
    """Run at most so many steps, in about equal pieces."""
    start = made.state.mach("t")
    stop = Stop("budget", start)
    for k in range(1, pieces + 1):
        left = start + steps * k // pieces - made.state.mach("t")
        stop = made.run(left)
        if stop.reason != "budget":
            break
    return stop
