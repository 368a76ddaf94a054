"""Attribute values by form: how long each is, and what it holds."""

from __future__ import annotations

from collections.abc import Callable

from simvirt.dwarf.cursor import Cursor, Damaged

ADDRESS, STRING, TEXT, INDIRECT, LINE_TEXT, IMPLICIT = 0x01, 0x08, 0x0E, 0x16, 0x1F, 0x21
DATA4, DATA8, SECTION_OFFSET = 0x06, 0x07, 0x17
UNIT_REFERENCES = (0x11, 0x12, 0x13, 0x14, 0x15)  # offsets in the unit
FILE_REFERENCE = 0x10
TEXT_INDICES = (0x1A, 0x25, 0x26, 0x27, 0x28)
ADDRESS_INDICES = (0x1B, 0x29, 0x2A, 0x2B, 0x2C)
RANGE_INDEX = 0x23
FLAG_PRESENT = 0x19

Value = int | bytes
_FIXED = {  # bytes of numbers of fixed size
    0x01: 8, 0x05: 2, 0x06: 4, 0x07: 8, 0x0B: 1, 0x0C: 1, 0x11: 1, 0x12: 2, 0x13: 4, 0x14: 8,
    0x1C: 4, 0x1E: 16, 0x20: 8, 0x24: 8, 0x25: 1, 0x26: 2, 0x27: 3, 0x28: 4, 0x29: 1, 0x2A: 2,
    0x2B: 3, 0x2C: 4,
}  # fmt: skip
_OFFSETS = (0x0E, 0x17, 0x1D, 0x1F)  # as wide as the unit's offsets
_BLOCKS = {0x03: 2, 0x04: 4, 0x0A: 1}  # bytes of the length
_ULEBS = (0x0F, 0x15, 0x1A, 0x1B, 0x22, 0x23)


def fixed_size(form: int, width: int, version: int) -> int | None:
    """Bytes that a value takes, None when that depends on the value."""
    if form in _OFFSETS:
        return width
    if form == FILE_REFERENCE:
        return width if version > 2 else 8
    if form in (FLAG_PRESENT, IMPLICIT):
        return 0
    return _FIXED.get(form)


def read(cursor: Cursor, form: int, width: int, version: int) -> Value:
    """The value at the cursor; blocks and texts in place are bytes.  Raises Damaged."""
    size = fixed_size(form, width, version)
    if size is not None:
        return cursor.number(size) if size else 1
    return _variable(form)(cursor, width, version)


def _variable(form: int) -> Callable[[Cursor, int, int], Value]:
    if form in _ULEBS:
        return lambda cursor, _w, _v: cursor.uleb()
    if form == STRING:
        return lambda cursor, _w, _v: cursor.text()
    if form == 0x0D:
        return lambda cursor, _w, _v: cursor.sleb()
    if form in _BLOCKS:
        return lambda cursor, _w, _v: _block(cursor, cursor.number(_BLOCKS[form]))
    if form in (0x09, 0x18):
        return lambda cursor, _w, _v: _block(cursor, cursor.uleb())
    if form == INDIRECT:
        return _indirect
    raise Damaged(f"an attribute of unknown form {form:#x}")


def _block(cursor: Cursor, size: int) -> bytes:
    at = cursor.skip(size)
    return cursor.data[at : at + size]


def _indirect(cursor: Cursor, width: int, version: int) -> Value:
    form = cursor.uleb()
    if form in (INDIRECT, IMPLICIT):
        raise Damaged("an indirect form that is indirect again")
    return read(cursor, form, width, version)
