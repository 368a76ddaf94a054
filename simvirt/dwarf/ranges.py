"""Which addresses an entry covers."""

from __future__ import annotations

from collections.abc import Iterator

from simvirt.dwarf import forms
from simvirt.dwarf.cursor import Cursor, Damaged
from simvirt.dwarf.units import HIGH, LOW, RANGES, RANGES_BASE, Attributes, Unit

_MASK = (1 << 64) - 1

Ranges = tuple[tuple[int, int], ...]  # [low, high)


def ranges_of(unit: Unit, attributes: Attributes) -> Ranges:
    """The ranges of an entry that are not empty.  Raises Damaged."""
    if RANGES in attributes:
        found = _lists(unit, attributes) if unit.version >= 5 else _pairs(unit, attributes)
        return tuple((low, high) for low, high in found if low < high)
    low, high = unit.address(attributes, LOW), unit.address(attributes, HIGH)
    if low is None or high is None:
        return ()
    if attributes[HIGH][0] not in (forms.ADDRESS, *forms.ADDRESS_INDICES):
        high = low + high & _MASK
    return ((low, high),) if low < high else ()


def _pairs(unit: Unit, attributes: Attributes) -> Iterator[tuple[int, int]]:
    """Version 4 and before: pairs of addresses relative to a base, until (0, 0)."""
    start = unit.number(attributes, RANGES) or 0
    cursor = Cursor(unit.sections.ranges, min(start, len(unit.sections.ranges)))
    base = unit.address(unit.root, LOW) or 0
    while True:
        unit.sections.budget.spend()
        low, high = cursor.number(8), cursor.number(8)
        if low == _MASK:
            base = high
        elif low == high == 0:
            return
        else:
            yield base + low & _MASK, base + high & _MASK


def _lists(unit: Unit, attributes: Attributes) -> Iterator[tuple[int, int]]:
    """Version 5: entries of eight kinds, until kind 0."""
    cursor = Cursor(unit.sections.range_lists)
    cursor.skip(_list_offset(unit, attributes))
    base = unit.address(unit.root, LOW) or 0
    while kind := cursor.byte():
        unit.sections.budget.spend()
        if kind == 1:
            base = unit.indexed_address(cursor.uleb())
        elif kind == 2:
            yield unit.indexed_address(cursor.uleb()), unit.indexed_address(cursor.uleb())
        elif kind == 3:
            low = unit.indexed_address(cursor.uleb())
            yield low, low + cursor.uleb() & _MASK
        elif kind == 4:
            yield base + cursor.uleb() & _MASK, base + cursor.uleb() & _MASK
        elif kind == 5:
            base = cursor.number(8)
        elif kind == 6:
            yield cursor.number(8), cursor.number(8)
        elif kind == 7:
            low = cursor.number(8)
            yield low, low + cursor.uleb() & _MASK
        else:
            raise Damaged(f"a range of unknown kind {kind}")


def _list_offset(unit: Unit, attributes: Attributes) -> int:
    form, value = attributes[RANGES]
    if not isinstance(value, int):
        raise Damaged("ranges without an offset")
    if form != forms.RANGE_INDEX:
        return value
    base = unit.number(unit.root, RANGES_BASE) or 0
    cursor = Cursor(unit.sections.range_lists)
    cursor.skip(base + value * unit.width)
    return base + cursor.number(unit.width)
