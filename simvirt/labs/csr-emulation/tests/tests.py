"""Tests of the lab that a table cannot say."""

from __future__ import annotations

from random import Random

from simvirt.grade.checks import Bench

COUNT = 300
NAMES = (
    "mscratch", "mcause", "mtval", "mepc", "sepc", "sscratch", "scause", "stval", "medeleg",
    "mcounteren", "scounteren", "sstatus", "sie", "sip", "mideleg", "mhartid", "0x5c0", "0xf20",
)  # fmt: skip
FORMS = ("csrrw", "csrrs", "csrrc", "csrrwi", "csrrsi", "csrrci")


def random(bench: Bench) -> None:
    """Random CSR instructions in M, each followed by a look at all that it could have changed."""
    lines = [_case(bench.random, index) for index in range(COUNT)]
    frame = (bench.folder / "frame.S").read_text("utf-8")
    frame = frame.replace(".space 128", f".space {32 * COUNT}")
    trial = bench.boot_text(f"{frame}\n{''.join(lines)}\n j done\n", {"operands": bench.words(8)})
    trial.run()
    trial.expect_passed()
    trial.expect_same_as_bare("result")


def _case(random: Random, index: int) -> str:
    name, form = random.choice(NAMES), random.choice(FORMS)
    target = random.choice(("a0", "a1", "x0"))
    source = str(random.getrandbits(5)) if form.endswith("i") else random.choice(("a1", "x0"))
    return f"""
 ld a0, {8 * random.randrange(8)}(s1)
 ld a1, {8 * random.randrange(8)}(s1)
 li s2, 0
 la s11, case_{index}
 {form} {target}, {name}, {source}
case_{index}:
 sd a0, 0(s0)
 sd a1, 8(s0)
 sd s2, 16(s0)
 csrr a2, mstatus
 sd a2, 24(s0)
 addi s0, s0, 32
"""
