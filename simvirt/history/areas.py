"""Numbered blocks of 4096 bytes, compressed: pages of RAM and blocks of disks in a file.

They are kept in chunks of at most 256; reading one opens the chunk that it is in.
"""

from __future__ import annotations

import zlib
from bisect import bisect_left
from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np

from simvirt.core.state import PAGE

PER_CHUNK = 256
_RECORD = 8 + PAGE


def inflate(data: bytes, size: int) -> bytes:
    """What was compressed, of exactly this size.  Raises ValueError."""
    opened = zlib.decompressobj()
    try:
        plain = opened.decompress(data, size + 1)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(plain) != size or not opened.eof or opened.unused_data:
        raise ValueError(f"a piece is not of {size} bytes")
    return plain


def pack_area(blocks: Mapping[int, bytes]) -> list[bytes]:
    """The chunks of some blocks."""
    numbers = sorted(blocks)
    chunks = []
    for start in range(0, len(numbers), PER_CHUNK):
        some = numbers[start : start + PER_CHUNK]
        head = np.array(some, "<u8").tobytes()
        chunks.append(zlib.compress(head + b"".join(blocks[n] for n in some), 1))
    return chunks


class Area(Mapping[int, bytes]):
    """Blocks by number, from their chunks."""

    def __init__(self, chunks: Sequence[bytes], count: int, limit: int) -> None:
        """`count` blocks with numbers below `limit`.  Raises ValueError when it is not so."""
        self._chunks = chunks
        self._count = count
        self._numbers: list[int] = []
        self._open: tuple[int, bytes] = (-1, b"")
        for index in range(len(chunks)):
            size = self._size(index)
            head = self._chunk(index)[: 8 * size]
            self._numbers += np.frombuffer(head, "<u8").tolist()
        if any(a >= b for a, b in zip(self._numbers, self._numbers[1:], strict=False)):
            raise ValueError("blocks are not in order")
        if self._numbers and self._numbers[-1] >= limit:
            raise ValueError(f"block {self._numbers[-1]} of {limit}")

    def _size(self, index: int) -> int:
        """How many blocks a chunk holds."""
        return min(PER_CHUNK, self._count - index * PER_CHUNK)

    def _chunk(self, index: int) -> bytes:
        if self._open[0] != index:
            self._open = index, inflate(self._chunks[index], self._size(index) * _RECORD)
        return self._open[1]

    def __getitem__(self, number: int) -> bytes:
        at = bisect_left(self._numbers, number)
        if at == len(self._numbers) or self._numbers[at] != number:
            raise KeyError(number)
        index, place = divmod(at, PER_CHUNK)
        start = 8 * self._size(index) + place * PAGE
        return self._chunk(index)[start : start + PAGE]

    def __iter__(self) -> Iterator[int]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


def read_area(take: Callable[[int], bytes], sizes: Sequence[int], count: int, limit: int) -> Area:
    """An area whose chunks have these sizes; `take` gives the next bytes.  Raises ValueError."""
    if len(sizes) != -(-count // PER_CHUNK) or count > limit:
        raise ValueError(f"{count} blocks in {len(sizes)} chunks, of {limit}")
    if any(size > PER_CHUNK * _RECORD + 1024 for size in sizes):
        raise ValueError("a chunk is too big")
    return Area([take(size) for size in sizes], count, limit)
