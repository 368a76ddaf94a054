"""Packets of the gdb remote protocol as bytes: ``$data#checksum``, acknowledgements, Ctrl-C.

Appendix E of gdb's manual ("Remote Serial Protocol").
"""

from __future__ import annotations

from dataclasses import dataclass

PACKET_SIZE = 0x20000  # bytes of a packet that we accept and send
_ESCAPED = b"#$}*"
INTERRUPT = 0x03


@dataclass(frozen=True)
class Item:
    """What came: "packet" (with its data), "bad" (checksum), "huge", "resend" or "break"."""

    kind: str
    data: bytes = b""


class Framer:
    """Takes bytes apart as they come.  Bytes outside a packet mean nothing, but for Ctrl-C."""

    def __init__(self) -> None:
        self._body: bytearray | None = None  # of the packet that has begun
        self._huge = False
        self._sum: bytearray | None = None  # the two digits behind '#'

    def feed(self, data: bytes) -> list[Item]:
        """The items that `data` completes."""
        found = [self._byte(byte) for byte in data]
        return [item for item in found if item is not None]

    def _byte(self, byte: int) -> Item | None:
        if self._sum is not None:
            self._sum.append(byte)
            return self._end() if len(self._sum) == 2 else None
        if self._body is None:
            return self._outside(byte)
        if byte == ord("#"):
            self._sum = bytearray()
        elif byte == ord("$"):  # the rest of the last packet was lost
            self._body, self._huge = bytearray(), False
        elif len(self._body) >= PACKET_SIZE:
            self._huge = True
        else:
            self._body.append(byte)
        return None

    def _outside(self, byte: int) -> Item | None:
        if byte == ord("$"):
            self._body, self._huge = bytearray(), False
        return {INTERRUPT: Item("break"), ord("-"): Item("resend")}.get(byte)

    def _end(self) -> Item:
        assert self._body is not None and self._sum is not None
        body, digits, huge = bytes(self._body), bytes(self._sum), self._huge
        self._body = self._sum = None
        if huge:
            return Item("huge")
        try:
            right = int(digits, 16) == sum(body) & 0xFF
        except ValueError:
            right = False
        return Item("packet", body) if right else Item("bad")


def frame(data: bytes) -> bytes:
    """`data` as a packet; what must be escaped in it is already (see `escape`)."""
    return b"$%b#%02x" % (data, sum(data) & 0xFF)


def escape(data: bytes) -> bytes:
    """Binary data as it stands in a packet."""
    return b"".join(bytes((0x7D, b ^ 0x20)) if b in _ESCAPED else bytes((b,)) for b in data)


def unescape(data: bytes) -> bytes:
    """Binary data from a packet."""
    found, escaped = bytearray(), False
    for byte in data:
        if escaped:
            found.append(byte ^ 0x20)
            escaped = False
        elif byte == 0x7D:
            escaped = True
        else:
            found.append(byte)
    return bytes(found)
