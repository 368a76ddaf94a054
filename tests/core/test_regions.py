"""Law 2 for the region compiler: what it makes does what the interpreter does, step for step.

Random programs loop over loads, stores, branches, calls, traps and code that changes; each runs
once interpreted and once with everything compiled that can be, whole and in pieces, and all
architectural state must be the same.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from concurrent.futures import Future
from ctypes import CFUNCTYPE, c_uint64
from dataclasses import replace
from random import Random

import pytest

from isa import bits
from isa.asm import assemble_insn
from isa.spec import Insn
from isa.table import base
from simvirt.core.generate import OP_REGION
from simvirt.core.regions import native as native_module
from simvirt.core.regions import table
from simvirt.core.regions.emit import llvm_text
from simvirt.core.regions.native import native
from simvirt.core.regions.plan import PAGE_WORDS
from simvirt.core.regions.table import NEVER, Policy
from simvirt.core.regions.values import HELPERS, Values

from .loops import looping_program
from .planted import BODIES
from .test_expand import PAIRS
from .tiny import CODE, DATA, Tiny

EAGER = Policy(background=False, sample_steps=61, hot=12, chunk=200, most=6, growth=1, worthwhile=0)
STEPS = 20_000
SEEDS = range(40)
MIE, STIE, STCE = 1 << 3, 1 << 5, 1 << 63


# ---- the bodies -----------------------------------------------------------------------------


def compiled_body(body: Callable[..., object]) -> Callable[..., int]:
    """A body as machine code: a function of a, b, imm and pc."""
    values = Values()
    names = {"a": "%a", "b": "%b", "imm": "%imm", "pc": "%pc"}
    arguments = {name: names[name] for name in inspect.signature(body).parameters}
    result = values.evaluate(body, dict(arguments))
    if not result.startswith("%") or values.lines[-1].split(" = ")[1].startswith("icmp"):
        result = values.flag(result)
    head = "define i64 @region(i64 %a, i64 %b, i64 %imm, i64 %pc) {"
    code = native("\n".join([head, *values.lines, f"  ret i64 {result}", "}", ""]))
    _alive.append(code)
    return CFUNCTYPE(c_uint64, c_uint64, c_uint64, c_uint64, c_uint64)(code.address)


_alive: list[object] = []
WITH_BODY = [insn for insn in base() if insn.body and insn.kind in ("alu", "branch", "jump")]


def differs(insn: Insn, body: Callable[..., object]) -> bool:
    """Do the machine code of `body` and the instruction's own body on integers ever differ?"""
    code = compiled_body(body)
    assert insn.body is not None
    parameters = inspect.signature(insn.body).parameters
    for a, b in PAIRS:
        given = {"a": a, "b": b, "imm": b, "pc": a}
        expected = insn.body(**{name: given[name] for name in parameters})
        if code(a, b, b, a) != expected:
            return True
    return False


@pytest.mark.parametrize("insn", WITH_BODY, ids=lambda insn: insn.name)
def test_body(insn: Insn) -> None:
    """The third evaluation agrees with the reference on corner values."""
    assert not differs(insn, insn.body)


@pytest.mark.parametrize("name", sorted({insn.name for insn in WITH_BODY} & set(BODIES)))
def test_planted_error_is_caught(name: str) -> None:
    """The comparison bites."""
    assert differs(next(insn for insn in base() if insn.name == name), BODIES[name])


def test_every_helper_has_an_evaluation() -> None:
    """A lecturer's instruction may use any of ``isa.bits``."""
    public = {
        name for name, value in vars(bits).items()
        if inspect.isfunction(value) and not name.startswith("_")
    }  # fmt: skip
    assert public == set(HELPERS)


# ---- random programs ------------------------------------------------------------------------


def machine(seed: int, policy: Policy) -> Tiny:
    """A random program at its start."""
    rng = Random(seed)
    m = Tiny(looping_program(rng))
    m.state.write_ram(DATA, rng.randbytes(3 * 4096))
    if seed % 2:
        m.paged()
    m.set(mtvec=m.symbols["handler"], mie=STIE, menvcfg=STCE, stimecmp=rng.randrange(300))
    m.set(mstatus=m["mstatus"] | MIE)
    m.state.regions.policy = policy
    return m


def outcome(m: Tiny) -> tuple[object, ...]:
    """Everything that software could ever see."""
    return m.state.digest(), m.state.mach("t"), m["pc"], m.accesses


@pytest.mark.parametrize("seed", SEEDS)
def test_random_program(seed: int) -> None:
    """Interpreted, compiled, and compiled in pieces of odd lengths: one outcome."""
    whole, fast, split = (machine(seed, policy) for policy in (NEVER, EAGER, EAGER))
    whole.run(STEPS)
    fast.run(STEPS)
    rng, left = Random(seed), STEPS
    while left:
        piece = min(left, rng.choice((1, 2, 3, 11, 170, 3000)))
        split.run(piece)
        left -= piece
    assert outcome(whole) == outcome(fast) == outcome(split)
    assert whole.state.regions.compiled == 0


def test_random_programs_are_compiled_and_take_every_way_out() -> None:
    """The test above is not empty: regions are entered, trap, run out of steps, are forgotten."""
    compiled = steps = traps = 0
    for seed in SEEDS:
        m = machine(seed, EAGER)
        m.run(STEPS)
        compiled += m.state.regions.compiled
        steps += m.state.regions.steps
        traps += m["not_retired"]
    assert compiled > len(SEEDS) and traps > 100 * len(SEEDS)
    assert steps > STEPS * len(SEEDS) // 5


# ---- single ways out ------------------------------------------------------------------------

LOOP = """
loop:   addi s0, s0, 1
        xor  s1, s1, s0
middle: sd   s1, 0(t0)
        ld   s2, 0(t0)
        bne  s0, t1, loop
"""


def warm(source: str, **words: int) -> Tiny:
    """A program whose loop has been compiled; it has done 3,000 steps."""
    m = Tiny(source)
    m.set(x5=DATA, x6=1 << 40, **words)
    m.state.regions.policy = EAGER
    m.run(3000)
    assert m.state.regions.compiled
    return m


def entries(m: Tiny) -> int:
    """How many decoded words are entries of regions."""
    return int(((m.state.arrays.decoded[:PAGE_WORDS] & 0xFF) == OP_REGION).sum())


def test_budget_inside_a_block() -> None:
    """Any number of steps is exact."""
    m = warm(LOOP)
    for steps in (1, 2, 3, 4, 5, 6, 7, 1, 1, 50):
        before = m.state.mach("t")
        assert m.run(steps) == "BUDGET" and m.state.mach("t") == before + steps
    assert m["x8"] == (m.state.mach("t") + 4) // 5


def test_breakpoint_in_a_compiled_loop() -> None:
    """A breakpoint that is set later is not passed."""
    m = warm(LOOP)
    at = m.symbols["middle"]  # the flag and the empty words are what Machine.set_breakpoints does
    m.state.arrays.breakpoints[0] = at
    m.state.set_work("breakpoints", 1)
    m.state.arrays.flags[0] |= 2
    m.state.forget_code(0, 4096)
    assert m.run(100) == "STOP" and m["pc"] == at


@pytest.mark.parametrize("writer", ["guest", "outside"])
def test_code_that_changes_under_a_region(writer: str) -> None:
    """A store into the loop, by the guest or from outside, takes effect at once."""
    source = "loop: addi s0, s0, 1\n sw s1, 0(t0)\n bne s0, t1, loop"
    add_two = assemble_insn("addi s0, s0, 2")
    m, plain = warm(source, x9=add_two), Tiny(source)
    plain.state.regions.policy = NEVER
    plain.set(x5=DATA, x6=1 << 40, x9=add_two).run(3000)
    assert entries(m) and m["x8"] == 1000
    for machine in (m, plain):
        if writer == "outside":
            machine.state.write_ram(CODE, add_two.to_bytes(4, "little"))
        else:
            machine.set(x5=CODE)
        machine.run(300)
    assert m["x8"] in (1199, 1200) and m.state.digest() == plain.state.digest()


def test_switch_to_traced_and_back() -> None:
    """The traced kernel interprets the entries of regions, one instruction at a time."""
    m, plain = warm(LOOP), Tiny(LOOP)
    plain.set(x5=DATA, x6=1 << 40)
    plain.state.regions.policy = NEVER
    plain.run(3000)
    for variant, steps in (("traced", 77), ("fast", 500), ("traced", 3), ("fast", 501)):
        m.variant = variant
        m.run(steps)
        plain.run(steps)
        assert m.state.digest() == plain.state.digest()


def test_entries_that_do_not_pay_are_taken_out() -> None:
    """A loop around an instruction that regions cannot hold."""
    m = Tiny("loop: csrr t3, mscratch\n addi s0, s0, 1\n j loop")
    m.state.regions.policy = Policy(7, 30, 64, background=False, visits=20)
    m.run(20_000)
    assert m.state.regions.compiled and not entries(m)
    assert m["x8"] == (m.state.mach("t") + 1) // 3


def test_without_a_compiler_everything_is_interpreted(monkeypatch: pytest.MonkeyPatch) -> None:
    """An old llvmlite costs speed only."""
    monkeypatch.setattr(native_module, "_PROBE", "not LLVM")
    native_module.available.cache_clear()
    try:
        m = Tiny(LOOP)
        m.set(x5=DATA, x6=1 << 40)
        m.state.regions.policy = EAGER
        m.run(3000)
        assert m.state.regions.compiled == 0 and m["x8"] == 600
    finally:
        native_module.available.cache_clear()


def test_the_environment_turns_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMVIRT_REGIONS", "off")
    assert Tiny(LOOP).state.regions.policy == NEVER


def test_compiled_in_another_thread() -> None:
    """The machine runs on meanwhile; what changed meanwhile is not adopted."""
    m, plain = Tiny(LOOP), Tiny(LOOP)
    for one, policy in ((m, replace(EAGER, background=True)), (plain, NEVER)):
        one.set(x5=DATA, x6=1 << 40)
        one.state.regions.policy = policy
    regions = m.state.regions
    while not regions.compiled:
        m.run(100)
        plain.run(100)
        assert m.state.mach("t") < 10**8
    m.run(5000)
    plain.run(5000)
    assert regions.steps and m.state.digest() == plain.state.digest()


def test_code_that_changes_while_it_is_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """A region of old words is thrown away."""
    held: Future[object] = Future()
    monkeypatch.setattr(table, "native_later", lambda text: held)
    monkeypatch.setattr(table, "is_ready", lambda text: False)
    text: list[str] = []
    monkeypatch.setattr(table, "llvm_text", lambda plan: text.append(llvm_text(plan)) or text[-1])
    m = Tiny(LOOP)
    m.set(x5=DATA, x6=1 << 40)
    m.state.regions.policy = replace(EAGER, background=True)
    m.run(3000)
    m.state.write_ram(0x8000_0000, assemble_insn("addi s0, s0, 2").to_bytes(4, "little"))
    m.run(50)
    held.set_result(native(text[0]))
    m.run(50)
    assert not m.state.regions.compiled and not entries(m) and m["x8"] > 600
