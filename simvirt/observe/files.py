"""The file of `--events`: its format follows from how its name ends."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from simvirt.events import EventFile, Records
from simvirt.observe.npz import NpzFile
from simvirt.observe.parquet import ParquetFile


class EventWriter(Protocol):
    """A listener of a machine that writes a file."""

    def __call__(self, records: Records) -> None:
        """Add some records."""

    def close(self) -> None:
        """Finish the file."""

    def discard(self) -> None:
        """The writer may still be called by another thread: finish nothing, leave no half."""


class JsonLines(EventFile):
    """JSON lines are readable however they end."""

    def discard(self) -> None:
        """What is written stays."""


def event_writer(path: Path) -> EventWriter:
    """`.npz`, `.parquet`, else JSON lines.

    Raises OSError when the file cannot be written, InputError when a package is missing.
    """
    kinds: dict[str, type[NpzFile | ParquetFile]] = {".npz": NpzFile, ".parquet": ParquetFile}
    return kinds.get(path.suffix.lower(), JsonLines)(path)
