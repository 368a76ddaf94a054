"""What differs between two snapshots: registers, CSRs, words, devices, disks, consoles, RAM."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from isa.csrs import BY_NAME
from isa.registers import NAMES
from simvirt.core import layout
from simvirt.core.state import PAGE, RAM_BASE, Words
from simvirt.devices.virtio import VirtioState
from simvirt.history.frozen import hart_rows
from simvirt.history.identity import Identity

if TYPE_CHECKING:
    from simvirt.snapshot import Snapshot

ROWS = 60  # of each kind that are written out
_NEAR = 8  # bytes that are the same between two ranges that count as one
_BYTES = 12  # of a range that are written out
_HIDDEN = {"trap_cause", "trap_pc", "trap_tval", "trap_instret", "trap_repeats",
           "left_at"}  # fmt: skip
_ZERO = bytes(PAGE)


@dataclass(frozen=True)
class Change:
    """One thing that differs: its kind ("register", "CSR", "RAM", ...), where, the two values."""

    kind: str
    place: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.kind:<9} {self.place:<24} {self.before} -> {self.after}".rstrip()


@dataclass(frozen=True)
class Difference:
    """All changes from the snapshot at `t[0]` to the one at `t[1]`.

    `pages` are the numbers of the pages of RAM that differ, `ranges` the bytes in them as
    (physical address, size).
    """

    t: tuple[int, int]
    changes: tuple[Change, ...]
    pages: tuple[int, ...]
    ranges: tuple[tuple[int, int], ...]

    def __bool__(self) -> bool:
        return bool(self.changes)

    @property
    def title(self) -> str:
        """In one line."""
        if not self:
            return f"nothing differs (t={self.t[0]}, t={self.t[1]})"
        size = sum(size for _, size in self.ranges)
        return (
            f"from t={self.t[0]} to t={self.t[1]}: {len(self.changes)} differences, "
            f"{size} bytes in {len(self.pages)} pages of RAM"
        )

    def rows(self, most: int = ROWS) -> Iterator[Change]:
        """The changes, of each kind `most`; a last one says how many more there are."""
        for kind, group in groupby(self.changes, lambda change: change.kind):
            found = list(group)
            yield from found[:most]
            if len(found) > most:
                yield Change(kind, f"and {len(found) - most} more", "", "")

    def text(self, most: int = ROWS) -> str:
        """For a reader: the title, and of each kind at most so many changes."""
        return "\n".join([self.title, *(f"  {_line(change)}" for change in self.rows(most))])

    def __str__(self) -> str:
        return self.text()


def _line(change: Change) -> str:
    return str(change) if change.before or change.after else f"{change.kind:<9} {change.place}"


def differences(before: Snapshot, after: Snapshot) -> Difference:
    """From one snapshot to another, which may be of another machine."""
    a, b = before.frozen, after.frozen
    changes = [
        *_machines(before.identity, after.identity),
        *_harts(hart_rows(a), hart_rows(b)),
        *_words(a.mach, b.mach),
        *_tlb(a.tlb, b.tlb),
        *_value("machine", "ended with", a.finished, b.finished),
        *_devices(a.devices, b.devices),
        *_consoles(before.consoles, after.consoles),
    ]
    pages = _differing(before.pages, after.pages)
    ranges, memory = [], []
    for number in pages:
        pair = before.pages.get(number, _ZERO), after.pages.get(number, _ZERO)
        for start, size in _ranges(*pair):
            address = RAM_BASE + number * PAGE + start
            ranges.append((address, size))
            cut = [data[start : start + size] for data in pair]
            memory.append(Change("RAM", f"{address:#x} +{size}", *map(_hex, cut)))
    t = before.t, after.t
    return Difference(t, (*changes, *memory), tuple(pages), tuple(ranges))


def _value(kind: str, place: str, before: Any, after: Any) -> Iterator[Change]:
    if before != after:
        yield Change(kind, place, _text(before), _text(after))


def _text(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return str(value)
    if isinstance(value, int):
        return f"{value:#x}"
    return _hex(value) if isinstance(value, bytes) else str(value)


def _hex(data: bytes) -> str:
    return (data[:_BYTES].hex(" ") + (" ..." if len(data) > _BYTES else "")) or "nothing"


def _machines(before: Identity, after: Identity) -> Iterator[Change]:
    for name, value in before.parts:
        if value != after[name]:
            yield Change("machine", name, value, after[name])


# ---- words -----------------------------------------------------------------------------------


def _harts(before: list[Words], after: list[Words]) -> Iterator[Change]:
    """Registers and CSRs by name; of several harts with the hart's number."""
    for number, (one, other) in enumerate(zip(before, after, strict=False)):
        whose = f" of hart {number}" if len(before) > 1 else ""
        for index in np.flatnonzero(one != other).tolist():
            name = layout.HART[index]
            if index == layout.X_SINK or name in _HIDDEN:
                continue
            kind = "CSR" if name in BY_NAME else "register" if index < 34 else "hart"
            values = f"{int(one[index]):#x}", f"{int(other[index]):#x}"
            yield Change(kind, _register(name) + whose, *values)


def _register(name: str) -> str:
    return NAMES[int(name[1:])] if name[0] == "x" and name[1:].isdecimal() else name


def _words(before: Words, after: Words) -> Iterator[Change]:
    for index, name in enumerate(layout.MACH):
        one, other = int(before[index]), int(after[index])
        if one != other:
            yield Change("machine", name, str(one), str(other))


def _tlb(before: Words, after: Words) -> Iterator[Change]:
    count = int((before.reshape(-1, 3) != after.reshape(-1, 3)).any(axis=1).sum())
    if count:
        yield Change("TLB", f"{count} entries", "", "")


# ---- devices ---------------------------------------------------------------------------------


def _devices(before: dict[str, Any], after: dict[str, Any]) -> Iterator[Change]:
    for name in dict.fromkeys((*before, *after)):
        one, other = before.get(name), after.get(name)
        if type(one) is not type(other):
            yield Change("device", name, type(one).__name__, type(other).__name__)
            continue
        for field in fields(one) if one is not None else ():
            pair = getattr(one, field.name), getattr(other, field.name)
            if isinstance(one, VirtioState) and field.name == "backend":
                yield from _blocks(name, dict(pair[0]), dict(pair[1]))
            else:
                yield from _field(f"{name} {field.name}", *pair)


def _field(place: str, before: Any, after: Any) -> Iterator[Change]:
    """A field; of several values only those that differ."""
    if isinstance(before, tuple) and isinstance(after, tuple) and len(before) == len(after):
        for i, pair in enumerate(zip(before, after, strict=True)):
            yield from _value("device", f"{place}[{i}]", *pair)
    else:
        yield from _value("device", place, before, after)


def _blocks(name: str, before: dict[int, bytes], after: dict[int, bytes]) -> Iterator[Change]:
    for number in sorted(before.keys() | after.keys()):
        one, other = before.get(number), after.get(number)
        if one is None or other is None:
            words = ["as in the image" if data is None else "changed" for data in (one, other)]
            yield Change("disk", f"{name} block {number}", *words)
            continue
        for start, size in _ranges(one, other):
            cut = [_hex(data[start : start + size]) for data in (one, other)]
            yield Change("disk", f"{name} byte {number * PAGE + start} +{size}", *cut)


def _consoles(before: tuple[bytes, ...], after: tuple[bytes, ...]) -> Iterator[Change]:
    for number in range(max(len(before), len(after))):
        one = before[number] if number < len(before) else b""
        other = after[number] if number < len(after) else b""
        if one == other:
            continue
        same = next((i for i, (x, y) in enumerate(zip(one, other, strict=False)) if x != y),
                    min(len(one), len(other)))  # fmt: skip
        place = f"console {number} from byte {same}"
        yield Change("console", place, _said(one[same:]), _said(other[same:]))


def _said(data: bytes) -> str:
    text = data[: _NEAR * 6].decode("utf-8", "backslashreplace")
    return repr(text) + (f" and {len(data) - _NEAR * 6} bytes" if len(data) > _NEAR * 6 else "")


# ---- RAM -------------------------------------------------------------------------------------


def _differing(before: Mapping[int, bytes], after: Mapping[int, bytes]) -> list[int]:
    numbers = sorted(set(before) | set(after))
    return [n for n in numbers if before.get(n, _ZERO) != after.get(n, _ZERO)]


def _ranges(before: bytes, after: bytes) -> list[tuple[int, int]]:
    """(start, size) of what differs between blocks of one size; near ones are one."""
    places = np.flatnonzero(np.frombuffer(before, np.uint8) != np.frombuffer(after, np.uint8))
    if not len(places):
        return []
    pieces = np.split(places, np.flatnonzero(np.diff(places) > _NEAR) + 1)
    return [(int(piece[0]), int(piece[-1] - piece[0]) + 1) for piece in pieces]
