"""Law 7 from inside: 12,600 small privileged cases come out alike in every placement."""

from functools import cache

import pytest

from simvirt.board import RAM
from simvirt.loader import load_elf
from simvirt.toolchain import build
from simvirt.virt.stacks import Guest, Stack, make_stack

BUDGET = 3_000_000_000


@cache
def finished(placement: str) -> Stack:
    """The placement's stack after litmus has run to its end in it."""
    guest = Guest("litmus", load_elf(build(["litmus"])["litmus"].path))
    stack = make_stack(placement, [guest])
    stop = stack.machine.run(BUDGET)
    assert (stop.reason, stop.code) == ("finished", 0), stack.layer_console.decode()
    return stack


def results(stack: Stack) -> bytes:
    """One 64-bit number a case, from the guest's RAM."""
    image = stack.guests[0].image
    first, end = image.address_of("result_begin"), image.address_of("result_end")
    base = stack.regions[0][0] - RAM
    return bytes(stack.machine.state.arrays.ram8[base + first - RAM : base + end - RAM])


def first_difference(a: bytes, b: bytes) -> int | None:
    """Number of the first case with another outcome."""
    pairs = zip(range(0, len(a), 8), range(0, len(b), 8), strict=True)
    return next((i // 8 for i, j in pairs if a[i : i + 8] != b[j : j + 8]), None)


@pytest.mark.parametrize("placement", ["hypervisor", "hosted"])
def test_every_case_is_as_on_the_bare_machine(placement: str) -> None:
    bare, virtual = finished("bare"), finished(placement)
    assert first_difference(results(bare), results(virtual)) is None
    assert virtual.consoles[0] == bare.consoles[0]  # with the guest's own instruction counts
    assert virtual.machine.state.mach("violations") == 0
