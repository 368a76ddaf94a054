"""Columns as a Parquet file, by pyarrow where it is installed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from simvirt.errors import InputError
from simvirt.events import Records
from simvirt.observe.columns import DTYPES, SCHEMA, Columns
from simvirt.observe.whole import WholeFile

_GROUP = 1 << 18  # rows that are held until they are written together


class ParquetFile:
    """A listener that writes events; the file is there after `close`."""

    def __init__(self, path: Path) -> None:
        """Raises InputError without pyarrow, OSError when the file cannot be written."""
        try:
            import pyarrow
            import pyarrow.parquet as writers
        except ImportError:
            raise InputError(
                f"{path}: Parquet needs the package pyarrow: pip install 'simvirt[parquet]'; "
                "or name a file that ends in .npz"
            ) from None
        self._arrow: Any = pyarrow
        self._whole = WholeFile(path)
        self._columns = Columns()
        self._held: list[Records] = []
        self._rows = 0
        self._schema = self._make_schema()
        self._writer: Any = writers.ParquetWriter(
            self._whole.file, self._schema, compression="zstd"
        )

    def _make_schema(self) -> Any:
        arrow, coded = self._arrow, self._columns.dictionaries()
        names = arrow.dictionary(arrow.int16(), arrow.string())
        fields = [
            (name, names if name in coded else arrow.from_numpy_dtype(dtype))
            for name, dtype in DTYPES.items()
        ]
        return arrow.schema(fields, metadata={"simvirt": SCHEMA})

    def __call__(self, records: Records) -> None:
        """Add some records.  Raises OSError when the disk is full."""
        self._held.append(records)
        self._rows += len(records)
        if self._rows >= _GROUP:
            self._write()

    def _write(self) -> None:
        records = np.concatenate(self._held)
        self._held, self._rows = [], 0
        columns = self._columns.of(records)
        names = self._columns.dictionaries()
        arrays = [self._array(columns[name], names.get(name)) for name in DTYPES]
        self._writer.write_table(self._arrow.table(arrays, schema=self._schema))

    def _array(self, column: Any, names: tuple[str, ...] | None) -> Any:
        if names is None:
            return self._arrow.array(column)
        codes = self._arrow.array(column.astype(np.int16))
        return self._arrow.DictionaryArray.from_arrays(codes, self._arrow.array(names))

    def close(self) -> None:
        """Write the rest and the index at the end.  Raises OSError, and leaves nothing then."""
        try:
            if self._held:
                self._write()
            self._writer.close()
        except BaseException:
            self.discard()
            raise
        self._whole.commit()

    def discard(self) -> None:
        """The run's end is not known: leave no file."""
        self._whole.discard()
