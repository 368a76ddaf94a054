"""Columns as one `.npz` file, which `numpy.load` reads.

Such a file holds its columns one after the other, and events come row by row: until the end each
column grows in a file of its own that has no name, so that memory stays small and a run that is
killed leaves none of them.
"""

from __future__ import annotations

import shutil
import tempfile
import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np

from simvirt.events import Records
from simvirt.observe.columns import DTYPES, SCHEMA, Columns
from simvirt.observe.whole import WholeFile


class NpzFile:
    """A listener that writes events; the file is there after `close`."""

    def __init__(self, path: Path) -> None:
        """Raises OSError when it cannot be written."""
        self._whole = WholeFile(path)
        self._columns = Columns()
        self._count = 0
        folder = self._whole.folder
        self._parts = {name: tempfile.TemporaryFile(dir=folder) for name in DTYPES}  # noqa: SIM115

    def __call__(self, records: Records) -> None:
        """Add some records.  Raises OSError when the disk is full."""
        for name, column in self._columns.of(records).items():
            self._parts[name].write(column.tobytes())
        self._count += len(records)

    def close(self) -> None:
        """Put the columns together.  Raises OSError, and leaves nothing then."""
        try:
            with zipfile.ZipFile(
                self._whole.file, "w", zipfile.ZIP_DEFLATED, compresslevel=1
            ) as archive:
                _add(archive, "schema", np.array(SCHEMA))
                for name, names in self._columns.dictionaries().items():
                    _add(archive, f"{name}_names", np.array(names))
                for name, part in self._parts.items():
                    self._add_column(archive, name, part)
        except BaseException:
            self.discard()
            raise
        self._whole.commit()
        self._forget()

    def discard(self) -> None:
        """The run's end is not known: leave no file."""
        self._forget()
        self._whole.discard()

    def _forget(self) -> None:
        for part in self._parts.values():
            part.close()

    def _add_column(self, archive: zipfile.ZipFile, name: str, part: IO[bytes]) -> None:
        descr = np.lib.format.dtype_to_descr(np.dtype(DTYPES[name]))
        header = {"descr": descr, "fortran_order": False, "shape": (self._count,)}
        with _member(archive, name) as member:
            np.lib.format.write_array_header_1_0(member, header)
            part.seek(0)
            shutil.copyfileobj(part, member, 1 << 20)


def _add(archive: zipfile.ZipFile, name: str, array: Any) -> None:
    with _member(archive, name) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    return archive.open(f"{name}.npy", "w", force_zip64=True)
