"""What makes a region come out: each guard has a program that goes wrong without it.

Each program runs once interpreted and once compiled; something changes after the loop is compiled.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from isa.asm import assemble_insn
from simvirt.core.regions.table import NEVER, Policy

from .tiny import CODE, DATA, READ_WRITE, USER, VA, Tiny

EAGER = Policy(background=False, sample_steps=61, hot=12, chunk=200, most=6, growth=1, worthwhile=0)
SUM, MXR = 1 << 18, 1 << 19
PATCHED = """
        la   t0, patch
loop:   addi s5, s5, 1
        beqz s7, patch
        sw   t5, 0(t0)          # through the store cache, once it knows the page
patch:  addi s0, s0, 0x101
        j    loop
"""
LOAD = "loop: {load} s1, 0(t0)\n add s2, s2, s1\n addi s3, s3, 1\n j loop"
STORE = "loop: {store} s3, 0(t0)\n addi s3, s3, 1\n j loop"


def same(run: Callable[[Policy], Tiny]) -> None:
    """Interpreted and compiled: one outcome; and something was compiled."""
    plain, fast = run(NEVER), run(EAGER)
    assert fast.state.regions.steps > 1000
    assert (plain.state.digest(), plain["pc"]) == (fast.state.digest(), fast["pc"])


def test_code_written_through_the_store_cache() -> None:
    """A page with decoded words has a flag: stores to it are the interpreter's."""

    def run(policy: Policy) -> Tiny:
        m = Tiny(PATCHED)
        m.state.regions.policy = policy
        for value in (0x102, 0x103, 0x104, 0x105):
            m.run(3000)
            m.set(x23=1, x30=assemble_insn(f"addi s0, s0, {value}")).run(50)
            m.set(x23=0)
        return m

    same(run)


@pytest.mark.parametrize("first", ["data", "code"])
def test_a_page_that_becomes_code(first: str) -> None:
    """A store loop runs over a page that is executed later, and over its own."""

    def run(policy: Policy) -> Tiny:
        m = Tiny(STORE.format(store="sw") + "\n.balign 64\nother: addi s6, s6, 0x101\n ret")
        m.state.regions.policy = policy
        m.set(x5=DATA).run(3000)
        target = DATA + 64 if first == "data" else m.symbols["other"]
        for value in (0x111, 0x122, 0x133):
            m.set(x5=target, x19=assemble_insn(f"addi s6, s6, {value}"))
            m.run(1)  # the store alone; its page is in the cache
            m.set(x19=assemble_insn("ret"), x5=target + 4).run(4)
            m.set(x5=DATA + 512).run(500)
            m.set(pc=target, x1=CODE).run(2)
            m.run(500)
        return m

    same(run)


@pytest.mark.parametrize("width", [2, 4, 8])
@pytest.mark.parametrize("kind", ["load", "store"])
def test_across_pages_that_do_not_follow_each_other(kind: str, width: int) -> None:
    """A misaligned access in two pages of RAM that lie apart."""
    name = {2: "h", 4: "w", 8: "d"}[width]
    source = LOAD.format(load=f"l{name}") if kind == "load" else STORE.format(store=f"s{name}")

    def run(policy: Policy) -> Tiny:
        m = Tiny(source).paged()
        m.map(VA, DATA, READ_WRITE)
        m.map(VA + 4096, DATA + 0x3000, READ_WRITE)
        for offset in range(0, 0x4000, 8):
            m.poke(DATA + offset, (offset * 0x0101010101) & (1 << 64) - 1)
        m.state.regions.policy = policy
        for va in (VA, VA + 4096 - width // 2, VA + 8, VA + 4095):
            m.set(x5=va).run(3000)
        return m

    same(run)


@pytest.mark.parametrize("change", ["SUM", "MXR", "ASID", "mode"])
def test_what_may_be_accessed_changes(change: str) -> None:
    """The page caches are good for one context only: SUM, MXR, address space, mode."""

    def run(policy: Policy) -> Tiny:
        m = Tiny(LOAD.format(load="lw")).paged(asid=3)
        bits = {"SUM": READ_WRITE | USER, "MXR": (READ_WRITE | 8) & ~6}.get(change, READ_WRITE)
        m.map(VA, DATA, bits)
        m.state.regions.policy = policy
        m.set(x5=VA, mstatus=m["mstatus"] | SUM | MXR).run(3000)
        if change == "ASID":
            m.set(satp=m["satp"] ^ 1 << 44)
            m.poke(m.entry(VA), 0)  # the other address space has no such page
        elif change == "mode":
            m.set(priv=3, x5=VA)
        else:
            m.set(mstatus=m["mstatus"] & ~(SUM if change == "SUM" else MXR))
        m.run(300)
        return m

    same(run)
