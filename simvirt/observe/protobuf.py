"""Encoding of the few messages that a Perfetto trace of ours consists of.

A trace is a sequence of TracePackets; numbers are those of Perfetto's published .proto files.
https://perfetto.dev/docs/reference/synthetic-track-event
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

BEGIN, END, INSTANT, COUNTER = 1, 2, 3, 4  # TrackEvent.Type
_EXPLICIT = 3  # TrackDescriptor.ChildTracksOrdering: by rank
_UNIT_COUNT = 2  # CounterDescriptor.Unit
_SEQUENCE = 1  # all packets are of one writer

Args = Iterable[tuple[str, int | str]]  # numbers, and texts that are not empty
_SMALL = tuple(bytes((number,)) for number in range(0x80))
ADDRESSES = ("pc", "value", "handler_pc", "payload")  # numbers that are shown as such


def varint(number: int) -> bytes:
    """A number from 0 to 2**64 - 1."""
    if number < 0x80:
        return _SMALL[number]
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def number(field: int, value: int) -> bytes:
    """A field that is a number; negative ones as 64 bits."""
    return varint(field << 3) + varint(value & (1 << 64) - 1)


def block(field: int, data: bytes) -> bytes:
    """A field that is a message or bytes."""
    return varint(field << 3 | 2) + varint(len(data)) + data


@lru_cache(1 << 14)
def text(field: int, value: str) -> bytes:
    """A field that is text."""
    return block(field, value.encode("utf-8", "backslashreplace"))


def packet(time: int | None, field: int, message: bytes) -> bytes:
    """A TracePacket with one message, as a field of Trace."""
    stamp = b"" if time is None else number(8, time)
    return block(1, stamp + number(10, _SEQUENCE) + block(field, message))


def event(time: int, kind: int, track: int, name: str = "", args: Args = ()) -> bytes:
    """A packet with a TrackEvent: the begin or end of a slice, or an instant."""
    message = number(9, kind) + number(11, track)
    if name:
        message += text(23, name)
    for key, value in args:
        if value != "":
            message += _annotation(key, value)
    return packet(time, 11, message)


def counter(time: int, track: int, value: int) -> bytes:
    """A packet with the value that a counter has from now on."""
    return packet(time, 11, number(9, COUNTER) + number(11, track) + number(30, value))


@lru_cache(1 << 14)  # most arguments come again and again
def _annotation(key: str, value: int | str) -> bytes:
    """A DebugAnnotation, as a field of TrackEvent."""
    if isinstance(value, str):
        return block(4, text(10, key) + text(6, value))
    return block(4, text(10, key) + number(7 if key in ADDRESSES else 3, value))


def track(uuid: int, parent: int, name: str, rank: int, counts: bool = False) -> bytes:
    """A packet with a TrackDescriptor; parent 0: none.  Tracks in it are shown by rank."""
    message = number(1, uuid) + text(2, name)
    if parent:
        message += number(5, parent)
    if counts:
        message += block(8, number(3, _UNIT_COUNT))
    return packet(None, 60, message + number(11, _EXPLICIT) + number(12, rank))
