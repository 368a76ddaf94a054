"""Plain values as bytes and back: nothing, truth, numbers, bytes, text, tuples of such.

Whoever reads bytes that a stranger made gets plain values or ValueError, and never more memory
than in proportion to the bytes.
"""

from __future__ import annotations

import struct
from dataclasses import fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

DEPTH = 12
_LENGTH = struct.Struct("<I")


def pack(value: Any) -> bytes:
    """The bytes of a plain value, or of a dataclass of such (as the tuple of its fields).

    Raises TypeError for any other.
    """
    if is_dataclass(value) and not isinstance(value, type):
        value = tuple(getattr(value, field.name) for field in fields(value))
    if value is None:
        return b"n"
    if isinstance(value, bool):
        return b"T" if value else b"F"
    if isinstance(value, int) and value >= 0:
        return _long(b"i", value.to_bytes((value.bit_length() + 7) // 8, "little"))
    if isinstance(value, bytes):
        return _long(b"b", value)
    if isinstance(value, str):
        return _long(b"s", value.encode())
    if isinstance(value, tuple):
        return b"t" + _LENGTH.pack(len(value)) + b"".join(map(pack, value))
    raise TypeError(f"{type(value).__name__} is not a plain value")


def _long(tag: bytes, data: bytes) -> bytes:
    return tag + _LENGTH.pack(len(data)) + data


def unpack(data: bytes) -> Any:
    """The value of some bytes.  Raises ValueError."""
    value, end = _read(data, 0, 0)
    if end != len(data):
        raise ValueError(f"{len(data) - end} bytes too many")
    return value


def _read(data: bytes, at: int, depth: int) -> tuple[Any, int]:
    tag = data[at : at + 1]
    if tag in (b"n", b"T", b"F"):
        return {b"n": None, b"T": True, b"F": False}[tag], at + 1
    if tag not in (b"i", b"b", b"s", b"t") or at + 5 > len(data) or depth > DEPTH:
        raise ValueError(f"no value at byte {at}")
    (length,) = _LENGTH.unpack_from(data, at + 1)
    at += 5
    if length > len(data) - at:  # an item of a tuple has a byte at least
        raise ValueError(f"a value at byte {at} is cut off")
    if tag == b"t":
        return _items(data, at, length, depth)
    body = data[at : at + length]
    made: Any = body if tag == b"b" else body.decode() if tag == b"s" else _number(body)
    return made, at + length


def _number(body: bytes) -> int:
    if len(body) > 128:
        raise ValueError(f"a number of {len(body)} bytes")
    return int.from_bytes(body, "little")


def _items(data: bytes, at: int, count: int, depth: int) -> tuple[Any, int]:
    items = []
    for _ in range(count):
        item, at = _read(data, at, depth + 1)
        items.append(item)
    return tuple(items), at


# ---- dataclasses ---------------------------------------------------------------------------------


def build(hint: Any, value: Any, bits: int = 64) -> Any:
    """The object of a type that a plain value stands for; numbers have at most `bits` bits.

    Raises ValueError.
    """
    if hint in (int, bool, bytes):
        if type(value) is not hint or (hint is int and value >> bits):
            raise ValueError(f"{value!r:.40} where {hint.__name__} is expected")
        return value
    if not isinstance(value, tuple):
        raise ValueError(f"{value!r:.40} where several values are expected")
    if get_origin(hint) is tuple:
        return tuple(build(get_args(hint)[0], item, bits) for item in value)
    return _object(hint, value, bits)


def _object(kind: Any, value: tuple[Any, ...], bits: int) -> Any:
    hints = get_type_hints(kind)
    names = [field.name for field in fields(kind)]
    if len(value) != len(names):
        raise ValueError(f"{len(value)} fields of {kind.__name__}, not {len(names)}")
    pairs = zip(names, value, strict=True)
    return kind(*(build(hints[name], item, bits) for name, item in pairs))
