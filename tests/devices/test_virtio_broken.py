"""Drivers that break the rules of virtio: the device asks for a reset, and nothing else happens."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvirt.devices.base import AccessFault
from simvirt.devices.block import IO_ERROR, OK, READ
from simvirt.devices.virtio import NEEDS_RESET, NEVER
from tests.devices.driver import AVAILABLE, BASE, BUFFERS, DESCRIPTORS, USED, Driver

HEADER = (BUFFERS, 16, False)
STATUS = (BUFFERS + 16, 1, True)


@pytest.fixture
def driver() -> Driver:
    return Driver().start()


def broken(driver: Driver) -> bool:
    return bool(driver.get("status") & NEEDS_RESET)


MALFORMED = {
    "a loop": [(0, BUFFERS, 16, 1, 1), (1, BUFFERS + 512, 512, 3, 1)],
    "a loop of two": [(0, BUFFERS, 16, 1, 1), (1, BUFFERS, 16, 1, 0)],
    "next beyond the table": [(0, BUFFERS, 16, 1, 8)],
    "header below RAM": [(0, 0x1000, 16, 1, 1), (1, BUFFERS, 1, 2, 0)],
    "header across the end": [(0, BASE + (1 << 16) - 8, 16, 1, 1), (1, BUFFERS, 1, 2, 0)],
    "address that wraps": [(0, (1 << 64) - 8, 16, 1, 1), (1, BUFFERS, 1, 2, 0)],
    "data outside RAM": [(0, BUFFERS, 16, 1, 1), (1, 0x10000000, 512, 3, 2), (2, BUFFERS, 1, 2, 0)],
    "status outside RAM": [(0, BUFFERS, 16, 1, 1), (1, 0, 1, 2, 0)],
    "length 0": [(0, BUFFERS, 0, 1, 1), (1, BUFFERS, 1, 2, 0)],
    "status of length 0": [(0, BUFFERS, 16, 1, 1), (1, BUFFERS, 0, 2, 0)],
    "huge header": [(0, BUFFERS, 0xFFFF_FFFF, 0, 0)],
    "short header": [(0, BUFFERS, 15, 1, 1), (1, BUFFERS + 16, 1, 2, 0)],
    "no status": [(0, BUFFERS, 16, 0, 0)],
    "all for writing": [(0, BUFFERS, 16, 3, 1), (1, BUFFERS + 16, 1, 2, 0)],
    "wrong order": [(0, BUFFERS + 16, 1, 3, 1), (1, BUFFERS, 16, 0, 0)],
    "indirect": [(0, BUFFERS, 16, 4, 0)],
}  # fmt: skip


WHY = {
    "a loop": "never ends",
    "a loop of two": "never ends",
    "next beyond the table": "descriptor 8 in a queue of 8",
    "header below RAM": "0x1000",
    "header across the end": "0x8000fff8",
    "address that wraps": "0xfffffffffffffff8",
    "data outside RAM": "0x10000000",
    "status outside RAM": "0x0",
    "length 0": "descriptor 0 has length 0",
    "status of length 0": "descriptor 1 has length 0",
    "huge header": "place for its status",
    "short header": "header has 15 bytes",
    "no status": "place for its status",
    "all for writing": "header has 0 bytes",
    "wrong order": "comes after one for writing",
    "indirect": "is indirect",
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_chains_break_the_device_only(driver: Driver, name: str) -> None:
    for index, address, size, flags, following in MALFORMED[name]:
        driver.describe(index, address, size, flags, following)
    driver.offer(0)
    driver.notify()
    driver.serve()
    assert broken(driver)
    assert WHY[name] in driver.device.complaint
    assert driver.get("interrupt_status") & 2 and driver.wire.level
    driver.notify()
    assert driver.device.due == NEVER, "nothing more is done"
    driver.set("status", 15)
    assert broken(driver), "only a reset helps"
    driver.set("status", 0)
    assert not broken(driver) and not driver.wire.level


def test_huge_data_fails_or_breaks_without_moving_anything(driver: Driver) -> None:
    driver.ram.write(BUFFERS, struct.pack("<IIQ", READ, 0, 0))
    before = bytes(driver.ram.data[0x4000:])
    driver.offer(driver.chain([HEADER, (BUFFERS + 512, 0xFFFF_FFFF, True), STATUS]))
    driver.notify()
    driver.serve()
    assert driver.ram.read(BUFFERS + 16, 1)[0] == IO_ERROR
    assert bytes(driver.ram.data[0x4000:]) == before


@pytest.mark.parametrize("size", [0, 3, 255, 512, 0xFFFF_FFFF])
def test_bad_queue_sizes(size: int) -> None:
    driver = Driver().start(ready=False)
    driver.set("queue_num", size)
    driver.set("queue_ready", 1)
    assert broken(driver)
    assert driver.get("queue_ready") == 0


@pytest.mark.parametrize(
    ("name", "address"), [("desc", DESCRIPTORS + 8), ("driver", BASE + 1), ("device", BASE + 2)]
)
def test_misaligned_areas(name: str, address: int) -> None:
    driver = Driver().start(ready=False)
    driver.set(f"queue_{name}_low", address & 0xFFFF_FFFF)
    driver.set("queue_ready", 1)
    assert broken(driver)


@pytest.mark.parametrize("name", ["desc", "driver", "device"])
def test_areas_outside_ram(name: str) -> None:
    driver = Driver().start(ready=False)
    driver.set(f"queue_{name}_high", 0xFFFF_FFFF)
    driver.set("queue_ready", 1)
    driver.request(READ, 0)
    assert broken(driver)


def test_more_requests_than_the_queue_holds(driver: Driver) -> None:
    driver.request(READ, 0)
    driver.ram.write(AVAILABLE + 2, struct.pack("<H", 10))
    driver.notify()
    driver.serve()
    assert driver.device.complaint == "9 requests wait in a queue of 8"
    assert driver.used()[0] == 1


def test_a_head_beyond_the_table(driver: Driver) -> None:
    driver.offer(8)
    driver.notify()
    driver.serve()
    assert broken(driver)


def test_a_disk_that_rewrites_the_available_ring_ends(driver: Driver) -> None:
    """Each request reads a sector over the ring's index: there are always more of them."""
    driver.disk.write(0, struct.pack("<256H", *range(0, 0x200, 2)))
    driver.ram.write(BUFFERS, struct.pack("<IIQ", READ, 0, 0))
    driver.offer(driver.chain([HEADER, (AVAILABLE, 512, True), STATUS]))
    driver.notify()
    driver.serve()
    assert driver.used()[0] == 1


def test_writes_while_the_queue_is_ready_or_to_no_queue(driver: Driver) -> None:
    driver.set("queue_num", 4)
    assert broken(driver)
    driver.start()
    driver.set("queue_sel", 7)
    driver.set("queue_ready", 1)
    assert broken(driver)
    driver.start()
    driver.set("queue_notify", 1)
    assert broken(driver)


@pytest.mark.parametrize(
    ("offset", "width"), [(0x28, 4), (0x3C, 4), (0x40, 4), (0x0, 1), (0x70, 8), (0x1F0, 4)]
)
def test_no_legacy_and_no_unknown_registers(driver: Driver, offset: int, width: int) -> None:
    with pytest.raises(AccessFault):
        driver.device.read(offset, width)
    with pytest.raises(AccessFault):
        driver.device.write(offset, width, 0)


REGISTERS = [r.offset for r in Driver().device.regs if "w" in r.access]
WORDS = st.one_of(st.integers(0, 16), st.sampled_from([1 << 31, (1 << 32) - 1, BASE & 0xFFFF_FFFF]))
ADDRESSES = st.one_of(st.integers(BUFFERS, BUFFERS + 4096), st.integers(0, (1 << 64) - 1))
DESCRIPTOR = st.tuples(ADDRESSES, st.integers(0, 1024), st.integers(0, 7), st.integers(0, 9))


@given(
    st.lists(DESCRIPTOR, min_size=8, max_size=8),
    st.lists(st.integers(0, 9), max_size=8),
    st.binary(max_size=24),
    st.lists(st.tuples(st.sampled_from(REGISTERS), WORDS), max_size=12),
)
def test_whatever_a_driver_does_the_device_stays_sound(
    table: list[tuple[int, int, int, int]],
    heads: list[int],
    header: bytes,
    writes: list[tuple[int, int]],
) -> None:
    driver = Driver().start()
    driver.ram.write(BUFFERS, header)
    for index, descriptor in enumerate(table):
        driver.describe(index, *descriptor)
    for head in heads:
        driver.offer(head)
    driver.notify()
    driver.serve()
    for offset, value in writes:
        driver.device.write(offset, 4, value)
        driver.serve()
    assert driver.wire.level == bool(driver.get("interrupt_status"))
    driver.set("status", 0)
    driver.ram.write(AVAILABLE, bytes(64))
    driver.ram.write(USED, bytes(128))
    driver.available = 0
    assert driver.start().request(READ, 0) == OK
