"""Events as a table of columns, which pandas and polars take."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from typing import Any

import numpy as np

from simvirt.notebook.markup import plain, table
from simvirt.results import Event, InputError, VmExit
from simvirt.simulation import Simulation

WORDS = ("pc", "a", "b", "c")  # any 64-bit value; everything else that is a number is small
_NAMES = tuple(field.name for field in fields(Event))
_SHOWN = 40


class EventsTable(dict[str, Any]):
    """Columns by name, as long as each other: those of `Event`, `vm` (None: no VM's), `text`.

    A dict, because that is what pandas and polars make a DataFrame of.
    """

    def __init__(self, events: Iterable[Event]) -> None:
        self.events = tuple(events)
        super().__init__({name: self._column(name) for name in _NAMES})
        self["vm"] = [e.owner - 1 if e.owner else None for e in self.events]
        self["text"] = [e.text() for e in self.events]

    def _column(self, name: str) -> Any:
        values = [getattr(event, name) for event in self.events]
        if name in ("kind", "mode_from", "mode_to"):
            return values
        return np.array(values, np.uint64 if name in WORDS else np.int64)

    def to_pandas(self) -> Any:
        """A pandas DataFrame.  Raises InputError where pandas is not installed."""
        return _library("pandas").DataFrame(dict(self))

    def to_polars(self) -> Any:
        """A polars DataFrame.  Raises InputError where polars is not installed."""
        return _library("polars").DataFrame(dict(self))

    def _rows(self) -> tuple[list[str], list[list[str]]]:
        head = ["t", "vm", "kind", "modes", "pc", "cycles", "what"]
        return head, [_row(event) for event in self.events[:_SHOWN]]

    def _repr_html_(self) -> str:
        return table(*self._rows(), title=self._title())

    def __repr__(self) -> str:
        return f"{self._title()}\n{plain(*self._rows())}"

    def _title(self) -> str:
        count = len(self.events)
        return f"{count} events" + (f", the first {_SHOWN}" if count > _SHOWN else "")


def _row(event: Event) -> list[str]:
    vm = str(event.owner - 1) if event.owner else "-"
    changes = event.kind in ("TRAP", "XRET")
    modes = f"{event.mode_from} > {event.mode_to}" if changes else event.mode_from
    what = event.text().split(f"pc={event.pc:#x}", 1)[1].strip()
    return [str(event.t), vm, event.kind, modes, f"{event.pc:#x}", str(event.cycles), what]


def events_table(events: Simulation | VmExit | Iterable[Event]) -> EventsTable:
    """The events of a simulation that are still held, those of an exit, or others, as a table."""
    if isinstance(events, Simulation):
        return EventsTable(events.events())
    return EventsTable(events.events if isinstance(events, VmExit) else events)


def _library(name: str) -> Any:
    try:
        return __import__(name)
    except ImportError:
        raise InputError(f"{name} is not installed; try: pip install {name}") from None
