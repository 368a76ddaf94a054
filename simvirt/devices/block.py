"""virtio-blk: a disk of 512-byte sectors behind a virtqueue.

A request that the disk cannot do fails with a status; one that gives it no place for a status, or
names memory where there is none, is the driver's fault and breaks the device.
Source: Virtual I/O Device (VIRTIO) 1.1, section 5.2.
"""

import struct
from collections.abc import Sequence
from typing import Any, Protocol

from simvirt.devices import virtqueue as vq
from simvirt.devices.base import Memory, Reg
from simvirt.devices.virtio import CONFIG
from simvirt.devices.virtqueue import BrokenQueue, Chain, Segment

SECTOR = 512
SIZE_MAX = 32 << 10  # bytes of a segment, and segments of a request, that drivers are told
SEG_MAX = 126
MAX_DATA = 4 << 20  # bytes that a request may move: SIZE_MAX * SEG_MAX fits

READ, WRITE, FLUSH, GET_ID = 0, 1, 4, 8
OK, IO_ERROR, UNSUPPORTED = 0, 1, 2
_ID_SIZE = 20
_F_SIZE_MAX, _F_SEG_MAX, _F_READ_ONLY, _F_BLOCK_SIZE, _F_FLUSH = 1, 2, 5, 6, 9
_PARTS = (1, 2, 4, 8)

CONFIG_REGS = (
    Reg(CONFIG + 0, "capacity", 8, "r", "sectors of 512 bytes", widths=_PARTS, reset=None),
    Reg(CONFIG + 8, "size_max", 4, "r", "bytes of one segment", widths=(1, 2, 4), reset=SIZE_MAX),
    Reg(CONFIG + 12, "seg_max", 4, "r", "data segments of one request", widths=(1, 2, 4),
        reset=SEG_MAX),
    Reg(CONFIG + 16, "geometry", 4, "r", "0: has none", widths=(1, 2, 4)),
    Reg(CONFIG + 20, "blk_size", 4, "r", "bytes of a block", widths=(1, 2, 4), reset=SECTOR),
)  # fmt: skip


class Medium(Protocol):
    """What the bytes are on."""

    size: int
    read_only: bool

    def read(self, offset: int, size: int) -> bytes:
        """Bytes within the medium.  Raises OSError when it cannot."""

    def write(self, offset: int, data: bytes) -> None:
        """Change them.  Raises OSError when it cannot."""

    def state(self) -> tuple[Any, ...]:
        """What has been changed."""

    def restore(self, state: tuple[Any, ...]) -> None:
        """Have changed just that."""


class Block:
    """A disk; ``name`` (at most 20 characters) is what GET_ID answers."""

    device_id = 2
    queues = 1
    config_regs: tuple[Reg, ...] = CONFIG_REGS

    def __init__(self, medium: Medium, name: str) -> None:
        self._medium = medium
        self._name = name.encode()[:_ID_SIZE].ljust(_ID_SIZE, b"\0")
        bits = [_F_SIZE_MAX, _F_SEG_MAX, _F_BLOCK_SIZE, _F_FLUSH]
        bits += [_F_READ_ONLY] if medium.read_only else []
        self.features = sum(1 << bit for bit in bits)

    def config(self, name: str) -> int:
        """The value of a configuration register."""
        if name == "capacity":
            return self._medium.size // SECTOR
        reset = next(reg.reset for reg in CONFIG_REGS if reg.name == name)
        return reset or 0

    def handle(self, chain: Chain, memory: Memory) -> int:
        """Do one request: header, data, status, cut into descriptors in any way."""
        kind, sector, out = _header(chain.readable, memory)
        room = sum(segment.size for segment in chain.writable) - 1  # the last byte is the status
        if room < 0:
            raise BrokenQueue("a disk request without a place for its status")
        data = b""
        try:
            status, data = self._do(kind, sector * SECTOR, out, room, memory)
        except OSError:
            status = IO_ERROR
        _scatter(chain.writable, memory, data, bytes([status]))
        return len(data) + 1

    def _do(
        self, kind: int, offset: int, out: Sequence[Segment], room: int, memory: Memory
    ) -> tuple[int, bytes]:
        """Status, and what the driver is to read."""
        if kind == READ:
            return (OK, self._medium.read(offset, room)) if self._has(offset, room) else _FAILED
        if kind == WRITE:
            size = sum(segment.size for segment in out)
            if self._medium.read_only or not self._has(offset, size):
                return _FAILED
            self._medium.write(offset, _gather(out, memory))
            return OK, b""
        if kind == FLUSH:
            return OK, b""  # writes are done in order when they are answered
        if kind == GET_ID:
            return (OK, self._name) if room >= _ID_SIZE else _FAILED
        return UNSUPPORTED, b""

    def _has(self, offset: int, size: int) -> bool:
        return size % SECTOR == 0 and size <= MAX_DATA and offset + size <= self._medium.size

    def state(self) -> tuple[Any, ...]:
        """The medium's."""
        return self._medium.state()

    def restore(self, state: tuple[Any, ...]) -> None:
        """The medium's."""
        self._medium.restore(state)


_FAILED = (IO_ERROR, b"")
_HEADER = struct.Struct("<IIQ")


def _header(readable: Sequence[Segment], memory: Memory) -> tuple[int, int, list[Segment]]:
    """Type and sector of a request, and what of its readable part follows: the data."""
    raw, rest = b"", list(readable)
    while rest and len(raw) < _HEADER.size:
        segment = rest.pop(0)
        size = min(segment.size, _HEADER.size - len(raw))
        raw += vq.read(memory, segment.address, size)
        if size < segment.size:
            rest.insert(0, Segment(segment.address + size, segment.size - size))
    if len(raw) < _HEADER.size:
        raise BrokenQueue(f"a disk request whose header has {len(raw)} bytes, not {_HEADER.size}")
    kind, _, sector = _HEADER.unpack(raw)
    return kind, sector, rest


def _gather(segments: Sequence[Segment], memory: Memory) -> bytes:
    return b"".join(vq.read(memory, s.address, s.size) for s in segments)


def _scatter(writable: Sequence[Segment], memory: Memory, data: bytes, status: bytes) -> None:
    """Data to the front of the buffers, the status to their last byte."""
    done = 0
    for segment in writable:
        piece = data[done : done + segment.size]
        if piece:
            vq.write(memory, segment.address, piece)
        done += len(piece)
    last = writable[-1]
    vq.write(memory, last.address + last.size - 1, status)
