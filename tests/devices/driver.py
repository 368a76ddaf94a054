"""The driver's side of a virtqueue, and RAM for devices that are tested alone."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass, field

from simvirt.devices.base import DmaFault
from simvirt.devices.block import Block
from simvirt.devices.virtio import REGS, Virtio
from simvirt.disk import Disk, memory_disk

BASE = 0x8000_0000
DESCRIPTORS, AVAILABLE, USED, BUFFERS = BASE, BASE + 0x1000, BASE + 0x2000, BASE + 0x3000
DELAY = 10
AT = {reg.name: reg.offset for reg in REGS}


class Ram:
    """RAM at 0x80000000."""

    def __init__(self, size: int = 1 << 16) -> None:
        self.data = bytearray(size)

    def _span(self, address: int, size: int) -> slice:
        start = address - BASE
        if start < 0 or size < 0 or start + size > len(self.data):
            raise DmaFault(f"{address:#x}, {size} bytes")
        return slice(start, start + size)

    def read(self, address: int, size: int) -> bytes:
        return bytes(self.data[self._span(address, size)])

    def write(self, address: int, data: bytes) -> None:
        self.data[self._span(address, len(data))] = data


class Wire:
    """An interrupt line that remembers its level."""

    level = False

    def set(self, level: bool) -> None:
        self.level = level


@dataclass
class Driver:
    """A disk with its driver, who knows the rules but need not keep them."""

    disk: Disk = field(default_factory=lambda: memory_disk(bytes(range(256)) * 64))
    ram: Ram = field(default_factory=Ram)
    wire: Wire = field(default_factory=Wire)
    time: int = 0
    available: int = 0
    size: int = 8

    def __post_init__(self) -> None:
        block = Block(self.disk, "virtio0")
        self.device = Virtio(block, self.ram, lambda: self.time, self.wire, DELAY)

    def set(self, name: str, value: int) -> None:
        self.device.write(AT[name], 4, value)

    def get(self, name: str) -> int:
        return self.device.read(AT[name], 4)

    def start(self, size: int = 8, ready: bool = True) -> Driver:
        """Reset, negotiate and set up queue 0, as the specification says."""
        self.size = size
        for status in (0, 1, 3):
            self.set("status", status)
        self.set("driver_features_sel", 1)
        self.set("driver_features", 1)
        self.set("status", 11)
        self.set("queue_sel", 0)
        self.set("queue_num", size)
        for name, address in (("desc", DESCRIPTORS), ("driver", AVAILABLE), ("device", USED)):
            self.set(f"queue_{name}_low", address & 0xFFFF_FFFF)
            self.set(f"queue_{name}_high", address >> 32)
        if ready:
            self.set("queue_ready", 1)
        self.set("status", 15)
        return self

    def describe(self, index: int, address: int, size: int, flags: int, following: int = 0) -> None:
        """Write a descriptor."""
        raw = struct.pack("<QIHH", address, size & 0xFFFF_FFFF, flags, following)
        self.ram.write(DESCRIPTORS + 16 * index, raw)

    def chain(self, pieces: Sequence[tuple[int, int, bool]], first: int = 0) -> int:
        """Descriptors from `first` on: (address, size, does the device write)."""
        for i, (address, size, writes) in enumerate(pieces):
            last = i == len(pieces) - 1
            self.describe(first + i, address, size, 2 * writes | (not last), first + i + 1)
        return first

    def offer(self, head: int) -> None:
        """Put a chain into the available ring."""
        at = AVAILABLE + 4 + 2 * (self.available % self.size)
        self.ram.write(at, struct.pack("<H", head))
        self.available += 1
        self.ram.write(AVAILABLE + 2, struct.pack("<H", self.available & 0xFFFF))

    def notify(self) -> None:
        self.set("queue_notify", 0)

    def serve(self) -> None:
        """Let the time pass."""
        if self.device.due <= self.time + DELAY:
            self.time = self.device.due
            self.device.serve()

    def request(
        self, kind: int, sector: int, size: int = 512, data: bytes | None = None, head: int = 0
    ) -> int:
        """One request as drivers make it; its status, 255 when there is none."""
        self.ram.write(BUFFERS, struct.pack("<IIQ", kind, 0, sector))
        self.ram.write(BUFFERS + 16, b"\xff")
        if data is not None:
            self.ram.write(BUFFERS + 512, data)
            size = len(data)
        middle = [(BUFFERS + 512, size, data is None)] if size else []
        pieces = [(BUFFERS, 16, False), *middle, (BUFFERS + 16, 1, True)]
        self.offer(self.chain(pieces, head))
        self.notify()
        self.serve()
        return self.ram.read(BUFFERS + 16, 1)[0]

    def used(self) -> tuple[int, int, int]:
        """Index of the used ring, and its last entry: head and bytes written."""
        (index,) = struct.unpack("<H", self.ram.read(USED + 2, 2))
        at = USED + 4 + 8 * ((index - 1) % self.size)
        head, written = struct.unpack("<II", self.ram.read(at, 8))
        return index, head, written
