"""The CLINT tells harts about software interrupts and deadlines."""

import pytest

from simvirt.devices.base import AccessFault
from simvirt.devices.clint import MTIME, MTIMECMP, NEVER, Clint
from tests.devices.test_registers import Timer


@pytest.fixture
def timer() -> Timer:
    return Timer()


@pytest.fixture
def clint(timer: Timer) -> Clint:
    return Clint(2, lambda: 0x1_2345_6789, timer)


def test_msip_keeps_bit_0_only(clint: Clint, timer: Timer) -> None:
    clint.write(4, 4, 0xFFFF_FFFF)
    assert clint.read(4, 4) == 1
    assert timer.msip == {1: True}


def test_mtimecmp_whole_and_by_halves(clint: Clint, timer: Timer) -> None:
    assert clint.read(MTIMECMP, 8) == NEVER
    clint.write(MTIMECMP, 8, 0x1111_2222_3333_4444)
    clint.write(MTIMECMP + 4, 4, 0xAAAA_BBBB)
    assert timer.mtimecmp[0] == 0xAAAA_BBBB_3333_4444
    assert clint.read(MTIMECMP + 4, 4) == 0xAAAA_BBBB


def test_mtime_reads_the_clock_and_refuses_writes(clint: Clint) -> None:
    assert clint.read(MTIME, 8) == 0x1_2345_6789
    assert clint.read(MTIME + 4, 4) == 1
    with pytest.raises(AccessFault, match="mtime cannot be written"):
        clint.write(MTIME, 8, 0)


def test_no_hart_beyond_the_last(clint: Clint) -> None:
    with pytest.raises(AccessFault):
        clint.write(MTIMECMP + 16, 8, 0)


def test_restore_tells_the_harts(clint: Clint) -> None:
    clint.write(0, 4, 1)
    clint.write(MTIMECMP + 8, 8, 99)
    other = Timer()
    Clint(2, lambda: 0, other).restore(clint.state())
    assert other.msip == {0: True, 1: False}
    assert other.mtimecmp == {0: NEVER, 1: 99}
