"""Units of .debug_info: headers, abbreviations, entries with the attributes that are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from simvirt.dwarf import forms
from simvirt.dwarf.cursor import Cursor, Damaged, text_at
from simvirt.dwarf.sections import Sections

MOST_UNITS = 1 << 16
MOST_ENTRIES = 1 << 22  # of one unit
NAME, STATEMENTS, LOW, HIGH = 0x03, 0x10, 0x11, 0x12
ORIGIN, SPECIFICATION, RANGES, CALL_FILE, CALL_LINE, LINKAGE = 0x31, 0x47, 0x55, 0x58, 0x59, 0x6E
TEXT_BASE, ADDRESS_BASE, RANGES_BASE = 0x72, 0x73, 0x74
_WANTED = frozenset((
    NAME, STATEMENTS, LOW, HIGH, ORIGIN, SPECIFICATION, RANGES, CALL_FILE, CALL_LINE, LINKAGE,
    TEXT_BASE, ADDRESS_BASE, RANGES_BASE,
))  # fmt: skip
_COMPILED, _PARTIAL, _SKELETON, _SPLIT = 1, 3, 4, 5

Attributes = dict[int, tuple[int, forms.Value]]  # attribute: form, raw value


class Entry(NamedTuple):
    """One entry.  `depth` 0 is the unit's own; `offset` is in the section."""

    offset: int
    depth: int
    tag: int
    attributes: Attributes


class Shape(NamedTuple):
    """An abbreviation: tag, whether there are children, (attribute, form, implicit value)."""

    tag: int
    children: bool
    attributes: tuple[tuple[int, int, int], ...]


@dataclass
class Unit:
    """One unit.  Its entries are read each time they are asked for."""

    sections: Sections
    offset: int  # of the header in the section
    first: int  # of the first entry
    end: int
    version: int
    width: int
    abbrev: int
    shapes: dict[int, Shape] = field(default_factory=dict, repr=False)
    root: Attributes = field(default_factory=dict, repr=False)

    def entries(self, start: int | None = None) -> Iterator[Entry]:
        """From the entry at `start` (default: the unit's own) on.  Raises Damaged."""
        at = self.first if start is None else start
        if not self.first <= at < self.end:
            raise Damaged(f"an entry at {at:#x}, outside its unit")
        cursor = Cursor(self.sections.info, at, self.end)
        depth = 0
        for _ in range(MOST_ENTRIES):
            if not cursor.left:
                return
            offset, code = cursor.at, cursor.uleb()
            if not code:
                depth -= 1
                continue
            shape = self.shapes.get(code)
            if shape is None:
                raise Damaged(f"an entry of unknown shape {code} at {offset:#x}")
            yield Entry(offset, depth, shape.tag, self._attributes(cursor, shape))
            depth += shape.children
        raise Damaged(f"a unit of more than {MOST_ENTRIES} entries")

    def _attributes(self, cursor: Cursor, shape: Shape) -> Attributes:
        found: Attributes = {}
        for attribute, form, implicit in shape.attributes:
            if attribute not in _WANTED:
                size = forms.fixed_size(form, self.width, self.version)
                if size is not None:
                    cursor.skip(size)
                    continue
            value = forms.read(cursor, form, self.width, self.version)
            if attribute in _WANTED:
                found[attribute] = form, implicit if form == forms.IMPLICIT else value
        return found

    # ---- values ----------------------------------------------------------------------------------

    def number(self, attributes: Attributes, name: int) -> int | None:
        """A number as it stands there."""
        value = attributes.get(name, (0, b""))[1]
        return value if isinstance(value, int) else None

    def text(self, attributes: Attributes, name: int) -> str:
        """A text, "" when there is none.  Raises Damaged."""
        form, value = attributes.get(name, (forms.STRING, b""))
        if isinstance(value, int):
            if form in forms.TEXT_INDICES:
                base = self.number(self.root, TEXT_BASE) or 2 * self.width
                at = Cursor(self.sections.text_offsets)
                at.skip(base + value * self.width)
                form, value = forms.TEXT, at.number(self.width)
            strings = self.sections.line_text if form == forms.LINE_TEXT else self.sections.text
            value = text_at(strings, value)
        return value.decode("utf-8", "backslashreplace")

    def address(self, attributes: Attributes, name: int) -> int | None:
        """An address, None when there is none.  Raises Damaged."""
        form, value = attributes.get(name, (0, b""))
        if not isinstance(value, int):
            return None
        return self.indexed_address(value) if form in forms.ADDRESS_INDICES else value

    def indexed_address(self, index: int) -> int:
        """Entry `index` of the unit's table of addresses.  Raises Damaged."""
        base = self.number(self.root, ADDRESS_BASE) or 2 * self.width
        cursor = Cursor(self.sections.addresses)
        cursor.skip(base + 8 * index)
        return cursor.number(8)

    def reference(self, attributes: Attributes, name: int) -> int | None:
        """The offset in the section of the entry that an attribute points to."""
        form, value = attributes.get(name, (0, b""))
        if not isinstance(value, int):
            return None
        if form in forms.UNIT_REFERENCES:
            return self.offset + value
        return value if form == forms.FILE_REFERENCE else None


def read_units(sections: Sections) -> list[Unit]:
    """All units that describe code, with the attributes of each one's own entry.

    Raises Damaged.
    """
    cursor = Cursor(sections.info)
    shapes: dict[int, dict[int, Shape]] = {}
    units: list[Unit] = []
    while cursor.left:
        if len(units) >= MOST_UNITS:
            raise Damaged(f"more than {MOST_UNITS} units")
        offset = cursor.at
        body, width = cursor.unit()
        unit = _header(sections, offset, body, width)
        if unit is None:
            continue
        if unit.abbrev not in shapes:
            shapes[unit.abbrev] = _shapes(sections, unit.abbrev)
        unit.shapes = shapes[unit.abbrev]
        unit.root = next(unit.entries()).attributes
        units.append(unit)
    return units


def _header(sections: Sections, offset: int, body: Cursor, width: int) -> Unit | None:
    """None: of a type or version that says nothing of code."""
    version, kind = body.number(2), _COMPILED
    if not 2 <= version <= 5:
        return None
    if version == 5:
        kind, size, abbrev = body.byte(), body.byte(), body.number(width)
    else:
        abbrev, size = body.number(width), body.byte()
    if kind in (_SKELETON, _SPLIT):
        body.skip(8)
    elif kind not in (_COMPILED, _PARTIAL):
        return None
    if size != 8 or not body.left:
        return None
    return Unit(sections, offset, body.at, body.end, version, width, abbrev)


def _shapes(sections: Sections, offset: int) -> dict[int, Shape]:
    cursor = Cursor(sections.abbrev, min(offset, len(sections.abbrev)))
    shapes: dict[int, Shape] = {}
    while code := cursor.uleb():
        tag, children = cursor.uleb(), cursor.byte() != 0
        attributes = []
        while True:
            sections.budget.spend()
            name, form = cursor.uleb(), cursor.uleb()
            implicit = cursor.sleb() if form == forms.IMPLICIT else 0
            if not name and not form:
                break
            attributes.append((name, form, implicit))
        shapes.setdefault(code, Shape(tag, children, tuple(attributes)))
    return shapes
