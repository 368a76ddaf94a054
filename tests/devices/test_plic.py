"""The PLIC: gateways, priorities, thresholds, claim and complete."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvirt.devices.base import AccessFault
from simvirt.devices.plic import CONTEXT, CONTEXT_STRIDE, ENABLE, ENABLE_STRIDE, PENDING, Plic
from tests.devices.test_registers import Line

CLAIM = CONTEXT + 4


def plic_with(*numbers: int, priority: int = 1) -> tuple[Plic, list[Line]]:
    """A PLIC whose context 1 (S) has these sources enabled."""
    lines = [Line(), Line()]
    plic = Plic(lines)
    for number in numbers:
        plic.write(4 * number, 4, priority)
        word = ENABLE + ENABLE_STRIDE + 4 * (number // 32)
        plic.write(word, 4, plic.read(word, 4) | 1 << number % 32)
    return plic, lines


def claim(plic: Plic, context: int = 1) -> int:
    return plic.read(CLAIM + context * CONTEXT_STRIDE, 4)


def complete(plic: Plic, number: int, context: int = 1) -> None:
    plic.write(CLAIM + context * CONTEXT_STRIDE, 4, number)


def test_life_of_an_interrupt() -> None:
    plic, lines = plic_with(10)
    wire = plic.source(10)
    wire.set(True)
    assert [line.level for line in lines] == [False, True]
    assert plic.read(PENDING, 4) == 1 << 10
    assert claim(plic) == 10
    assert not lines[1].level
    assert plic.read(PENDING, 4) == 0
    assert claim(plic) == 0
    complete(plic, 10)
    assert not lines[1].level  # the wire is still high, but the device has not asked again
    wire.set(True)
    assert lines[1].level
    wire.set(False)
    assert lines[1].level  # a request stays until it is claimed
    assert claim(plic) == 10
    assert not lines[1].level


def test_a_request_during_service_waits_for_the_completion() -> None:
    plic, lines = plic_with(10)
    wire = plic.source(10)
    wire.set(True)
    assert claim(plic) == 10
    wire.set(True)
    assert plic.read(PENDING, 4) == 1 << 10
    assert not lines[1].level
    assert claim(plic) == 0
    complete(plic, 10)
    assert lines[1].level
    assert claim(plic) == 10


def test_peek_does_not_claim() -> None:
    plic, _ = plic_with(33)
    plic.source(33).set(True)
    at = CLAIM + CONTEXT_STRIDE
    assert plic.peek(at, 4) == plic.peek(at, 4) == 33 == claim(plic)


def test_highest_priority_then_lowest_number() -> None:
    plic, _ = plic_with(5, 9, 40)
    plic.write(4 * 40, 4, 7)
    for number in (5, 9, 40):
        plic.source(number).set(True)
    assert [claim(plic) for _ in range(4)] == [40, 5, 9, 0]


def test_threshold_masks_the_line_but_not_the_claim() -> None:
    plic, lines = plic_with(10, priority=3)
    plic.write(CONTEXT + CONTEXT_STRIDE, 4, 3)
    plic.source(10).set(True)
    assert not lines[1].level
    assert claim(plic) == 10


def test_priority_zero_never_interrupts() -> None:
    plic, lines = plic_with(10, priority=8)  # only the low three bits exist
    plic.source(10).set(True)
    assert not lines[1].level
    assert claim(plic) == 0


def test_completion_of_a_source_not_enabled_is_ignored() -> None:
    plic, lines = plic_with(10)
    plic.source(10).set(True)
    assert claim(plic) == 10
    complete(plic, 10, context=0)
    assert not lines[1].level


def test_source_zero_does_not_exist() -> None:
    plic, _ = plic_with()
    with pytest.raises(ValueError, match="no source 0"):
        plic.source(0)
    plic.write(ENABLE, 4, 0xFFFF_FFFF)
    assert plic.read(ENABLE, 4) == 0xFFFF_FFFE


def test_sources_that_do_not_exist_have_a_place_and_stay_zero() -> None:
    plic, lines = plic_with(10)
    for offset in (4 * 64, 4 * 1023, ENABLE + 8, ENABLE + 0x7C):
        plic.write(offset, 4, 0xFFFF_FFFF)
        assert plic.read(offset, 4) == 0
    assert plic.read(PENDING + 0x7C, 4) == 0
    assert not any(line.level for line in lines)


def test_pending_is_read_only() -> None:
    with pytest.raises(AccessFault, match="pending cannot be written"):
        plic_with()[0].write(PENDING, 4, 1)


def test_restore_drives_the_lines() -> None:
    plic, _ = plic_with(10)
    plic.source(10).set(True)
    lines = [Line(), Line()]
    Plic(lines).restore(plic.state())
    assert lines[1].level


@given(st.lists(st.tuples(st.integers(1, 63), st.sampled_from(["up", "down", "claim", "done"]))))
def test_nothing_is_claimed_twice_or_without_a_request(steps: list[tuple[int, str]]) -> None:
    plic, _ = plic_with(*range(1, 64))
    asking: set[int] = set()
    claimed: set[int] = set()
    for number, step in steps:
        if step == "claim":
            got = claim(plic)
            assert got == min(asking - claimed, default=0)
            claimed |= {got} - {0}
            asking.discard(got)
        elif step == "done":
            complete(plic, number)
            claimed.discard(number)
        else:
            plic.source(number).set(step == "up")
            asking |= {number} if step == "up" else set()
