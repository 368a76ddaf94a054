"""Random programs that loop: work for the region compiler and every reason to leave its code.

s0 points to three pages of data, s1 to a device page, s10 and s11 count rounds, t3 and t4 are
scratch, t6 is left to the handler; the others hold anything.
"""

from __future__ import annotations

from random import Random

from .tiny import DATA, DEVICE

FREE = ("a0", "a1", "a2", "a3", "a4", "a5", "t0", "t1", "t2", "s2", "s3", "zero")
REGISTER = (
    "add sub sll slt sltu xor srl sra or and addw subw sllw srlw sraw mul mulh mulhsu mulhu div "
    "divu rem remu mulw divw divuw remw remuw"
).split()
IMMEDIATE = "addi slti sltiu xori ori andi addiw".split()
SHIFT = {"slli": 64, "srli": 64, "srai": 64, "slliw": 32, "srliw": 32, "sraiw": 32}
LOADS = {"lb": 1, "lbu": 1, "lh": 2, "lhu": 2, "lw": 4, "lwu": 4, "ld": 8}
STORES = {"sb": 1, "sh": 2, "sw": 4, "sd": 8}
BRANCHES = ("beq", "bne", "blt", "bge", "bltu", "bgeu")
HANDLER = """
    .balign 4
handler:                     # a timer interrupt sets the next one, an exception is skipped
    csrrw t6, mscratch, t6
    csrr t6, mcause
    bltz t6, timer
    csrr t6, mepc
    lhu t6, 0(t6)
    andi t6, t6, 3
    addi t6, t6, -3
    beqz t6, long
    csrr t6, mepc
    addi t6, t6, -2
    j skip
long:
    csrr t6, mepc
skip:
    addi t6, t6, 4
    csrw mepc, t6
    csrrw t6, mscratch, t6
    mret
timer:
    rdtime t6
    addi t6, t6, 17
    csrw stimecmp, t6
    csrrw t6, mscratch, t6
    mret
"""


def looping_program(rng: Random) -> str:
    """Nested loops, two functions, a handler that skips what faults."""
    lines = [f"li s0, {DATA}", f"li s1, {DEVICE}", "li s11, 1000000"]
    lines += ["outer:", *_loop(rng, "first", 14), "call one", *_loop(rng, "second", 9)]
    lines += ["jal ra, two", *_block(rng, 6), "addi s11, s11, -1", "beqz s11, end"]
    if rng.random() < 0.25:  # the program changes its own code, sometimes to what it was
        lines += ["la t3, one", f"lw t4, {4 * rng.randrange(3)}(t3)", "sw t4, 0(t3)"]
    lines += ["j outer", "end: j end"]
    for name in ("one", "two"):
        lines += [f"{name}:", *_block(rng, 8), "ret"]
    return "\n".join([*lines, HANDLER])


def _loop(rng: Random, name: str, length: int) -> list[str]:
    head = [f"li s10, {rng.randrange(3, 40)}", f"{name}:"]
    return [*head, *_block(rng, length), "addi s10, s10, -1", f"bnez s10, {name}"]


def _block(rng: Random, length: int) -> list[str]:
    lines: list[str] = []
    for _ in range(length):
        lines += _piece(rng)
    return lines


def _piece(rng: Random) -> list[str]:
    rd, a, b = (rng.choice(FREE) for _ in range(3))
    kind = rng.randrange(100)
    if kind < 30:
        return [f"{rng.choice(REGISTER)} {rd}, {a}, {b}"]
    if kind < 45:
        return [f"{rng.choice(IMMEDIATE)} {rd}, {a}, {rng.randrange(-2048, 2048)}"]
    if kind < 52:
        name = rng.choice(list(SHIFT))
        return [f"{name} {rd}, {a}, {rng.randrange(SHIFT[name])}"]
    if kind < 67:
        return _memory(rng, LOADS, rd)
    if kind < 80:
        return _memory(rng, STORES, a)
    if kind < 92:
        skip = f"over{rng.getrandbits(64):x}"
        return [f"{rng.choice(BRANCHES)} {a}, {b}, {skip}", f"xor {rd}, {rd}, {a}", f"{skip}:"]
    return _rare(rng, rd, a)


def _memory(rng: Random, table: dict[str, int], register: str) -> list[str]:
    """Mostly aligned, in one of three pages; at times across a page or at any address."""
    name = rng.choice(list(table))
    if rng.random() < 0.15:
        return [f"{name} {register}, {rng.randrange(2048)}(s0)"]
    if rng.random() < 0.5:
        offset = rng.randrange(2048 // table[name]) * table[name]
        return [f"{name} {register}, {offset}(s0)"]
    mask = 0x1FF8 if rng.random() < 0.8 else 0x2FFF
    index = rng.choice(FREE)
    return [f"li t3, {mask}", f"and t3, {index}, t3", "add t3, t3, s0",
            f"{name} {register}, 0(t3)"]  # fmt: skip


def _rare(rng: Random, rd: str, a: str) -> list[str]:
    return rng.choice((
        [f"lw {rd}, 0(s1)"],  # a device that refuses: an access fault, skipped
        ["ecall"],
        [f"csrrw {rd}, mscratch, {a}"],
        [f"amoadd.d {rd}, {a}, (s0)"],
        [f"auipc {rd}, {rng.randrange(1 << 20)}"],
        [f"lui {rd}, {rng.randrange(1 << 20)}"],
        ["fence.i"],
        [f"rdinstret {rd}"],
        [f"ld {rd}, 0({a})"],  # at any address at all
    ))  # fmt: skip
