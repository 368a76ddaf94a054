"""A file that appears when it is complete: until then its bytes are under another name."""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO


class WholeFile:
    """`file` is written to; `commit` gives it its name, `discard` leaves nothing."""

    def __init__(self, path: Path) -> None:
        """Raises OSError when the folder cannot be written to."""
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory", str(path))
        self._path = path
        self._part = path.absolute().with_name(f".{path.name}.{os.getpid()}.part")
        self.file: BinaryIO = self._part.open("wb")

    @property
    def folder(self) -> Path:
        """Where the file will be."""
        return self._part.parent

    def commit(self) -> None:
        """All is written: replace what had the name before.  Raises OSError."""
        try:
            self.file.close()
            os.replace(self._part, self._path)
        except BaseException:
            self.discard()
            raise

    def discard(self) -> None:
        """Nothing will be there that was not there before."""
        try:
            self.file.close()
        finally:
            self._part.unlink(missing_ok=True)
