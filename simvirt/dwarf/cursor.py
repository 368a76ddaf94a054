"""A place in some bytes: every read is checked against the end."""

from __future__ import annotations


class Damaged(Exception):
    """This DWARF cannot be read; the text says why."""


LONGEST_TEXT = 1024  # bytes; a name may be shared by thousands of entries


class Budget:
    """How much work a file may cause that its size does not limit: lists that are shared."""

    def __init__(self, left: int) -> None:
        self._left = left

    def spend(self) -> None:
        """One more entry of a list.  Raises Damaged when there were too many."""
        self._left -= 1
        if self._left < 0:
            raise Damaged("the lists of this debug information are too long")


class Cursor:
    """Reads little-endian numbers from `at` on, never at or past `end`."""

    __slots__ = ("at", "data", "end")

    def __init__(self, data: bytes, at: int = 0, end: int | None = None) -> None:
        """Raises Damaged unless 0 <= at <= end <= len(data)."""
        self.data, self.at = data, at
        self.end = len(data) if end is None else end
        if not 0 <= at <= self.end <= len(data):
            raise Damaged(f"bytes {at:#x} to {self.end:#x} of {len(data):#x}")

    @property
    def left(self) -> int:
        """Bytes before the end."""
        return self.end - self.at

    def skip(self, size: int) -> int:
        """Pass over some bytes; where they began.  Raises Damaged when there are fewer."""
        at = self.at
        if not 0 <= size <= self.end - at:
            raise Damaged(f"{size} bytes wanted at {at:#x}, {self.end - at} left")
        self.at = at + size
        return at

    def number(self, size: int) -> int:
        """An unsigned number of `size` bytes."""
        at = self.skip(size)
        return int.from_bytes(self.data[at : at + size], "little")

    def byte(self) -> int:
        """One byte."""
        at = self.at
        if at >= self.end:
            raise Damaged(f"ends at {at:#x}")
        self.at = at + 1
        return self.data[at]

    def signed_byte(self) -> int:
        """One byte, -128 to 127."""
        return (self.byte() ^ 0x80) - 0x80

    def uleb(self) -> int:
        """An unsigned LEB128 number of at most 64 bits."""
        result = shift = 0
        while True:
            byte = self.byte()
            result |= (byte & 0x7F) << shift
            if byte < 0x80:
                return result & (1 << 64) - 1
            shift += 7
            if shift > 70:
                raise Damaged(f"a number of more than 64 bits at {self.at:#x}")

    def sleb(self) -> int:
        """A signed LEB128 number of at most 64 bits."""
        start = self.at
        value = self.uleb()
        bits = min(7 * (self.at - start), 64)
        return value - (1 << bits) if value >> (bits - 1) & 1 else value

    def text(self) -> bytes:
        """The bytes before the next NUL, which is passed."""
        stop = self.data.find(b"\0", self.at, min(self.end, self.at + LONGEST_TEXT))
        if stop < 0:
            raise Damaged(f"a text without end at {self.at:#x}, or too long")
        at, self.at = self.at, stop + 1
        return self.data[at:stop]

    def unit(self) -> tuple[Cursor, int]:
        """The unit that starts here with its length, and the size of offsets in it (4 or 8).

        This cursor goes on behind it.
        """
        size, width = self.number(4), 4
        if size == 0xFFFFFFFF:
            size, width = self.number(8), 8
        at = self.skip(size)
        return Cursor(self.data, at, at + size), width


def text_at(data: bytes, offset: int) -> bytes:
    """The NUL-terminated text at an offset.  Raises Damaged outside."""
    return Cursor(data, min(offset, len(data))).text()
