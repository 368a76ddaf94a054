"""Source lines and functions of addresses, from DWARF: read once, then searched."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np

from simvirt.dwarf.cursor import Damaged
from simvirt.dwarf.functions import Call, Functions
from simvirt.dwarf.lineprogram import END, Program, programs
from simvirt.dwarf.sections import Sections, read_sections
from simvirt.errors import InputError

MOST_ROWS = 1 << 24  # of one file


@dataclass(frozen=True)
class SourceLine:
    """A line of a source file."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True)
class Frame:
    """A function at an address, and the line that it has come to; `inlined` into the next frame.

    `function` is "" and `line` None where the file does not say.
    """

    function: str
    line: SourceLine | None
    inlined: bool = False

    def __str__(self) -> str:
        where = "" if self.line is None else f" at {self.line}"
        return f"{self.function or '?'}{where}"


@dataclass(frozen=True)
class LineTable:
    """``places[numbers[i]]`` holds from ``addresses[i]`` on; None ends a sequence."""

    addresses: array[int] = field(default_factory=lambda: array("Q"))
    numbers: array[int] = field(default_factory=lambda: array("L"))
    places: tuple[SourceLine | None, ...] = (None,)

    def find(self, address: int) -> SourceLine | None:
        """The line of the instruction at ``address``."""
        index = bisect_right(self.addresses, address) - 1
        return self.places[self.numbers[index]] if index >= 0 else None


def read_lines(elf: bytes) -> LineTable:
    """The line table of an ELF file; empty when DWARF is missing or damaged."""
    try:
        return _line_table(read_sections(elf))
    except (Damaged, InputError):
        return LineTable()


def _line_table(sections: Sections) -> LineTable:
    numbers: dict[SourceLine | None, int] = {None: 0}
    addresses, places = array("Q"), array("L")
    for program in programs(sections):
        known: dict[tuple[int, int], int] = {}
        files: dict[int, str] = {}
        for address, file, line in program.rows():
            key = file, line
            number = known.get(key)
            if number is None:
                place = None if file == END else SourceLine(_file(program, files, file), line)
                number = known[key] = numbers.setdefault(place, len(numbers))
            addresses.append(address)
            places.append(number)
            if len(addresses) > MOST_ROWS:
                raise Damaged(f"more than {MOST_ROWS} rows of line numbers")
    return LineTable(*_sorted(addresses, places), tuple(numbers))


def _file(program: Program, known: dict[int, str], number: int) -> str:
    """A path, made once for all its lines."""
    if number not in known:
        known[number] = program.file(number)
    return known[number]


def _sorted(addresses: array[int], places: array[int]) -> tuple[array[int], array[int]]:
    """By address; at one address the end of a sequence comes first, then rows as they stood."""
    keys, values = np.asarray(addresses), np.asarray(places)
    order = np.lexsort((values != 0, keys))
    return array("Q", keys[order].tobytes()), array("L", values[order].tobytes())


class CallTable:
    """Functions and inlined calls of an ELF file; what is missing or damaged has none."""

    def __init__(self, elf: bytes) -> None:
        self._functions: Functions | None = None
        with suppress(Damaged, InputError):
            self._functions = Functions(read_sections(elf))

    def find(self, address: int) -> tuple[Call, ...]:
        """The innermost call first, the function itself last."""
        if self._functions is None:
            return ()
        try:
            return self._functions.at(address)
        except Damaged:
            return ()


def frames(calls: tuple[Call, ...], line: SourceLine | None, symbol: str) -> tuple[Frame, ...]:
    """What is at an address, innermost first.  `symbol` names a function that DWARF does not."""
    if not calls:
        return (Frame(symbol, line),) if symbol or line is not None else ()
    found = []
    for call in calls:
        inlined = call is not calls[-1]
        found.append(Frame(call.name or ("" if inlined else symbol), line, inlined))
        line = SourceLine(call.file or "?", call.line) if inlined else None
    return tuple(found)
