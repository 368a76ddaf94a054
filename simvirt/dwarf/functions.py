"""Functions and what was inlined into them, found by address."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from simvirt.dwarf.cursor import Damaged
from simvirt.dwarf.lineprogram import Program, program_at
from simvirt.dwarf.ranges import Ranges, ranges_of
from simvirt.dwarf.sections import Sections
from simvirt.dwarf.units import (
    CALL_FILE,
    CALL_LINE,
    LINKAGE,
    NAME,
    ORIGIN,
    SPECIFICATION,
    STATEMENTS,
    Attributes,
    Entry,
    Unit,
    read_units,
)

_SUBPROGRAM, _INLINED = 0x2E, 0x1D
DEEPEST = 128  # inlined calls in each other
_LONGEST = 8  # references from an inlined call to the name of its function


class Call(NamedTuple):
    """A function at an address; the file and line that it was inlined at, "" and 0 of none."""

    name: str
    file: str
    line: int


@dataclass
class _Code:
    """A function or an inlined call, with the calls inlined into it."""

    ranges: Ranges
    attributes: Attributes
    inner: list[_Code] = field(default_factory=list)

    def covers(self, address: int) -> bool:
        return any(low <= address < high for low, high in self.ranges)


class Functions:
    """Answers which functions an address belongs to; each unit is read when it is first needed."""

    def __init__(self, sections: Sections) -> None:
        """Raises Damaged."""
        self._sections = sections
        self._units = read_units(sections)
        spans = [(r, number) for number, unit in enumerate(self._units) for r in _spans(unit)]
        self._spans = sorted(spans)
        self._lows = [low for (low, _), _ in self._spans]
        self._starts = [unit.offset for unit in self._units]
        self._code: dict[int, list[_Code]] = {}
        self._programs: dict[int, Program | None] = {}

    def at(self, address: int) -> tuple[Call, ...]:
        """The innermost first, the function itself last; empty: unknown.  Raises Damaged."""
        number = self._unit_of(address)
        if number is None:
            return ()
        unit = self._units[number]
        if number not in self._code:
            self._code[number] = list(_functions(unit))
        chain: list[Call] = []
        level = self._code[number]
        while found := next((code for code in level if code.covers(address)), None):
            chain.append(self._call(number, unit, found.attributes))
            level = found.inner
        return tuple(reversed(chain))

    def _unit_of(self, address: int) -> int | None:
        index = bisect_right(self._lows, address) - 1
        if index < 0:
            return None
        (_, high), number = self._spans[index]
        return number if address < high else None

    def _call(self, number: int, unit: Unit, attributes: Attributes) -> Call:
        file = unit.number(attributes, CALL_FILE)
        line = unit.number(attributes, CALL_LINE) or 0
        name = self._name(unit, attributes)
        return Call(name, "" if file is None else self._file(number, file), line)

    def _file(self, number: int, file: int) -> str:
        """A file of a unit by number."""
        if number not in self._programs:
            unit = self._units[number]
            at = unit.number(unit.root, STATEMENTS)
            self._programs[number] = None if at is None else program_at(self._sections, at)
        program = self._programs[number]
        return "" if program is None else program.file(file)

    def _name(self, unit: Unit, attributes: Attributes) -> str:
        for _ in range(_LONGEST):
            name = unit.text(attributes, NAME) or unit.text(attributes, LINKAGE)
            target = unit.reference(attributes, ORIGIN)
            if target is None:
                target = unit.reference(attributes, SPECIFICATION)
            if name or target is None:
                return name
            unit = self._units[max(bisect_right(self._starts, target) - 1, 0)]
            attributes = next(unit.entries(target)).attributes
        raise Damaged("a function whose name is never said")


def _spans(unit: Unit) -> Ranges:
    """The addresses of a unit; where its own entry does not say, those of its functions."""
    own = ranges_of(unit, unit.root)
    return own or tuple(r for code in _functions(unit) for r in code.ranges)


def _functions(unit: Unit) -> Iterator[_Code]:
    """Those of a unit that have code."""
    open_: list[tuple[int, _Code]] = []  # those around the present entry, with their depth
    for entry in unit.entries():
        while open_ and open_[-1][0] >= entry.depth:
            open_.pop()
        code = _code(unit, entry)
        if code is None:
            continue
        if entry.tag == _SUBPROGRAM:
            open_ = [(entry.depth, code)]
            yield code
        elif open_:
            if len(open_) > DEEPEST:
                raise Damaged(f"more than {DEEPEST} calls inlined in each other")
            open_[-1][1].inner.append(code)
            open_.append((entry.depth, code))


def _code(unit: Unit, entry: Entry) -> _Code | None:
    if entry.tag not in (_SUBPROGRAM, _INLINED):
        return None
    ranges = ranges_of(unit, entry.attributes)
    return _Code(ranges, entry.attributes) if ranges else None
