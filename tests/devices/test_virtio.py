"""virtio-blk over MMIO: the protocol, and requests that fail."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest

from simvirt.devices import block
from simvirt.devices.block import FLUSH, GET_ID, IO_ERROR, OK, READ, UNSUPPORTED, WRITE
from simvirt.devices.virtio import FEATURES_OK, NEVER
from simvirt.disk import memory_disk
from tests.devices.driver import (
    AVAILABLE,
    BUFFERS,
    DELAY,
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


def test_states_that_cannot_be_are_refused(driver: Driver) -> None:
    state = driver.device.state()
    for queues in ((), (replace(state.queues[0], size=0),)):
        with pytest.raises(ValueError, match="virtio: "):
            driver.device.restore(replace(state, queues=queues))
    assert driver.request(READ, 0) == OK


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
