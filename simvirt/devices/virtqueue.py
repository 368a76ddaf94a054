"""Split virtqueues as the device sees them: three areas of RAM that a driver filled in.

Whatever they hold, nothing here loops or leaves RAM: a queue that is malformed raises BrokenQueue.
Source: Virtual I/O Device (VIRTIO) 1.1, section 2.6.
"""

import struct
from dataclasses import dataclass

from simvirt.devices.base import DmaFault, Memory

MAX_SIZE = 256
NEXT, WRITE, INDIRECT = 1, 2, 4
NO_INTERRUPT = 1
_DESCRIPTOR = struct.Struct("<QIHH")


class BrokenQueue(Exception):
    """The driver has broken the rules; the device can only ask for a reset."""


@dataclass(frozen=True)
class Queue:
    """What the driver has told of a queue, and how far the device has come (both modulo 2**16)."""

    size: int = 0
    ready: bool = False
    descriptors: int = 0
    driver: int = 0
    device: int = 0
    seen: int = 0
    used: int = 0


@dataclass(frozen=True, slots=True)
class Segment:
    """A piece of RAM that a descriptor names."""

    address: int
    size: int


@dataclass(frozen=True, slots=True)
class Chain:
    """A request: its first descriptor, what the device reads, then what it writes."""

    head: int
    readable: tuple[Segment, ...]
    writable: tuple[Segment, ...]


def check(queue: Queue) -> None:
    """Raise BrokenQueue unless the size and the alignment of a queue are allowed."""
    if not 0 < queue.size <= MAX_SIZE or queue.size & (queue.size - 1):
        raise BrokenQueue(f"queue size {queue.size} is no power of two up to {MAX_SIZE}")
    for name, address, align in (
        ("descriptor", queue.descriptors, 16),
        ("driver", queue.driver, 2),
        ("device", queue.device, 4),
    ):
        if address % align:
            raise BrokenQueue(f"{name} area {address:#x} is not a multiple of {align}")


def read(memory: Memory, address: int, size: int) -> bytes:
    """Bytes of RAM, or BrokenQueue."""
    try:
        return memory.read(address, size)
    except DmaFault as error:
        raise BrokenQueue(str(error)) from None


def write(memory: Memory, address: int, data: bytes) -> None:
    """Write RAM, or BrokenQueue."""
    try:
        memory.write(address, data)
    except DmaFault as error:
        raise BrokenQueue(str(error)) from None


def waiting(memory: Memory, queue: Queue) -> int:
    """How many requests the driver has made available since the last one that was seen."""
    (index,) = struct.unpack("<H", read(memory, queue.driver + 2, 2))
    count = (int(index) - queue.seen) & 0xFFFF
    if count > queue.size:
        raise BrokenQueue(f"{count} requests wait in a queue of {queue.size}")
    return count


def interrupts_wanted(memory: Memory, queue: Queue) -> bool:
    """Does the driver want to hear of used buffers?"""
    return not read(memory, queue.driver, 1)[0] & NO_INTERRUPT


def take(memory: Memory, queue: Queue) -> Chain:
    """The next request."""
    at = queue.driver + 4 + 2 * (queue.seen % queue.size)
    (head,) = struct.unpack("<H", read(memory, at, 2))
    readable: list[Segment] = []
    writable: list[Segment] = []
    index = head
    for _ in range(queue.size):
        if index >= queue.size:
            raise BrokenQueue(f"descriptor {index} in a queue of {queue.size}")
        raw = read(memory, queue.descriptors + 16 * index, 16)
        address, size, flags, following = _DESCRIPTOR.unpack(raw)
        _check_descriptor(index, size, flags, bool(writable))
        (writable if flags & WRITE else readable).append(Segment(address, size))
        if not flags & NEXT:
            return Chain(head, tuple(readable), tuple(writable))
        index = following
    raise BrokenQueue(f"the chain at descriptor {head} never ends")


def _check_descriptor(index: int, size: int, flags: int, after_writable: bool) -> None:
    if flags & INDIRECT:
        raise BrokenQueue(f"descriptor {index} is indirect, which was not agreed on")
    if size == 0:
        raise BrokenQueue(f"descriptor {index} has length 0")
    if after_writable and not flags & WRITE:
        raise BrokenQueue(f"descriptor {index} is for reading, but comes after one for writing")


def put(memory: Memory, queue: Queue, head: int, written: int) -> None:
    """Give the request at `queue.used` back; `written` bytes of its buffers were written."""
    at = queue.device + 4 + 8 * (queue.used % queue.size)
    write(memory, at, struct.pack("<II", head, written))
    write(memory, queue.device + 2, struct.pack("<H", (queue.used + 1) & 0xFFFF))
