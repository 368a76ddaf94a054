"""virtio-blk over MMIO: the protocol, and drivers that break it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simvirt.devices import block
from simvirt.devices.base import AccessFault
from simvirt.devices.block import FLUSH, GET_ID, IO_ERROR, OK, READ, UNSUPPORTED, WRITE
from simvirt.devices.virtio import FEATURES_OK, NEEDS_RESET, NEVER
from simvirt.disk import memory_disk
from tests.devices.driver import (
    AVAILABLE,
    BASE,
    BUFFERS,
    DELAY,
    DESCRIPTORS,
    USED,
    Driver,
    Ram,
)

HEADER = (BUFFERS, 16, False)
STATUS = (BUFFERS + 16, 1, True)
CONTENT = bytes(range(256)) * 64


@pytest.fixture
def driver() -> Driver:
    return Driver().start()


def broken(driver: Driver) -> bool:
    return bool(driver.get("status") & NEEDS_RESET)


# ---- the protocol ----------------------------------------------------------------------------


def test_identity() -> None:
    driver = Driver()
    assert driver.get("magic_value").to_bytes(4, "little") == b"virt"
    assert [driver.get(n) for n in ("version", "device_id", "vendor_id")] == [2, 2, 0x554D4551]


def test_features_that_were_not_offered_are_refused() -> None:
    driver = Driver()
    driver.set("driver_features", 1 << 28)
    driver.set("status", 3 | FEATURES_OK)
    assert driver.get("status") == 3
    driver.set("driver_features", 1 << 9)
    driver.set("status", 3 | FEATURES_OK)
    assert driver.get("status") == 3 | FEATURES_OK


def test_version_1_is_offered_in_the_high_word() -> None:
    driver = Driver()
    driver.set("device_features_sel", 1)
    assert driver.get("device_features") == 1
    driver.set("device_features_sel", 2)
    assert driver.get("device_features") == 0


def test_configuration(driver: Driver) -> None:
    assert driver.device.read(0x100, 4) == len(CONTENT) // 512
    assert driver.device.read(0x104, 4) == 0
    assert driver.device.read(0x114, 4) == 512
    assert driver.get("queue_num_max") == 256
    driver.set("queue_sel", 1)
    assert driver.get("queue_num_max") == 0


def test_a_request_takes_its_time(driver: Driver) -> None:
    driver.time = 1000
    driver.offer(driver.chain([HEADER, (BUFFERS + 512, 512, True), STATUS]))
    driver.notify()
    assert driver.device.due == 1000 + DELAY
    driver.time += 3
    driver.notify()  # what waits is served together
    assert driver.device.due == 1000 + DELAY
    assert driver.ram.read(USED + 2, 2) == b"\0\0"
    driver.serve()
    assert driver.used()[0] == 1
    assert driver.device.due == NEVER


def test_read_write_flush_and_id(driver: Driver) -> None:
    assert driver.request(READ, 3) == OK
    assert driver.ram.read(BUFFERS + 512, 512) == CONTENT[1536:2048]
    assert driver.used() == (1, 0, 513)
    assert driver.wire.level and driver.get("interrupt_status") == 1
    driver.set("interrupt_ack", 1)
    assert not driver.wire.level
    assert driver.request(WRITE, 5, data=b"new " * 256) == OK
    assert driver.used() == (2, 0, 1)
    assert driver.disk.read(5 * 512, 1024) == b"new " * 256
    assert driver.disk.read(7 * 512, 512) == CONTENT[:512]
    assert driver.request(FLUSH, 0, size=0) == OK
    assert driver.request(GET_ID, 0, size=20) == OK
    assert driver.ram.read(BUFFERS + 512, 20) == b"virtio0".ljust(20, b"\0")


def test_any_cut_into_descriptors_will_do(driver: Driver) -> None:
    driver.ram.write(BUFFERS, struct.pack("<IIQ", READ, 0, 1))
    pieces = [(BUFFERS, 5, False), (BUFFERS + 5, 11, False), (BUFFERS + 512, 100, True),
              (BUFFERS + 1024, 413, True)]  # fmt: skip
    driver.offer(driver.chain(pieces))
    driver.notify()
    driver.serve()
    got = driver.ram.read(BUFFERS + 512, 100) + driver.ram.read(BUFFERS + 1024, 413)
    assert got == CONTENT[512:1024] + b"\0"


def test_many_requests_wrap_around() -> None:
    driver = Driver().start(size=4)
    for i in range(300):
        assert driver.request(READ, i % 32, head=i % 2) == OK
    driver.available = driver.available & 0xFFFF
    assert driver.used()[0] == 300


def test_the_ring_counters_wrap_at_16_bits(driver: Driver) -> None:
    for i in range(0x10003):
        if driver.request(READ, 0) != OK:
            pytest.fail(f"request {i}")
    assert driver.used()[0] == 3


def test_no_interrupt_when_it_is_not_wanted(driver: Driver) -> None:
    driver.ram.write(AVAILABLE, b"\1\0")
    assert driver.request(READ, 0) == OK
    assert driver.get("interrupt_status") == 0
    assert not driver.wire.level


def test_nothing_moves_before_the_driver_is_ready() -> None:
    driver = Driver().start()
    driver.set("status", 11)
    assert driver.request(READ, 0) == 255
    driver.set("status", 15)
    driver.notify()
    driver.serve()
    assert driver.used()[0] == 1


def test_reset_forgets_everything(driver: Driver) -> None:
    driver.request(READ, 0)
    driver.notify()
    driver.set("status", 0)
    assert driver.device.state() == Driver().device.state()
    assert not driver.wire.level
    driver.available = 0
    driver.ram = driver.device._memory  # the same RAM, used anew
    driver.ram.write(AVAILABLE, bytes(8))
    driver.ram.write(USED, bytes(8))
    assert driver.start().request(READ, 1) == OK


def test_state_restores_in_the_middle(driver: Driver) -> None:
    driver.request(WRITE, 0, data=b"x" * 512)
    driver.offer(driver.chain([HEADER, (BUFFERS + 512, 512, True), STATUS]))
    driver.ram.write(BUFFERS, struct.pack("<IIQ", READ, 0, 0))
    driver.notify()
    state = driver.device.state()
    other = Driver(ram=driver.ram, time=driver.time)
    other.device.restore(state)
    other.serve()
    assert other.used()[0] == 2
    assert driver.ram.read(BUFFERS + 512, 512) == b"x" * 512
    assert driver.device.state() == state


# ---- requests that fail ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "sector", "size", "status"),
    [
        (READ, 32, 512, IO_ERROR),
        (READ, 31, 1024, IO_ERROR),
        (READ, (1 << 64) - 1, 512, IO_ERROR),
        (READ, 0, 511, IO_ERROR),
        (WRITE, 32, 512, IO_ERROR),
        (GET_ID, 0, 19, IO_ERROR),
        (2, 0, 512, UNSUPPORTED),
        (0xFFFF_FFFF, 0, 512, UNSUPPORTED),
    ],
)
def test_requests_that_fail(driver: Driver, kind: int, sector: int, size: int, status: int) -> None:
    data = b"y" * size if kind == WRITE else None
    assert driver.request(kind, sector, size, data) == status
    assert driver.used() == (1, 0, 1)
    assert driver.disk.changed == {}
    assert driver.request(READ, 0) == OK


def test_a_read_only_disk_says_so_and_refuses() -> None:
    driver = Driver(disk=memory_disk(CONTENT, read_only=True)).start()
    assert driver.get("device_features") & 1 << 5
    assert driver.request(WRITE, 0, data=b"z" * 512) == IO_ERROR
    assert driver.disk.read(0, 512) == CONTENT[:512]


def test_more_than_a_request_may_move() -> None:
    ram = Ram(8 << 20)
    driver = Driver(disk=memory_disk(bytes(8 << 20)), ram=ram).start()
    assert driver.request(READ, 0, size=block.MAX_DATA) == OK
    assert driver.request(READ, 0, size=block.MAX_DATA + 512) == IO_ERROR


# ---- drivers that break the rules ------------------------------------------------------------

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
