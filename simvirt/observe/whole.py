"""A file that appears when it is complete: until then its bytes are under another name."""

from __future__ import annotations

import os
from functools import cached_property
from pathlib import Path
from typing import BinaryIO


class WholeFile:
    """`commit` gives what was written to `file` its name, `discard` leaves nothing.

    Until something is written there is no file at all.
    """

    def __init__(self, path: Path) -> None:
        """Raises OSError when the folder cannot be written to."""
        if path.is_dir():
            raise IsADirectoryError(21, "Is a directory", str(path))
        self._path = path
        self._part = path.absolute().with_name(f".{path.name}.{os.getpid()}.part")
        self._part.touch()  # better now than after a long run
        self._part.unlink()

    @cached_property
    def file(self) -> BinaryIO:
        """Where to write.  Raises OSError."""
        return self._part.open("wb")

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
            if "file" in vars(self):
                self.file.close()
        finally:
            self._part.unlink(missing_ok=True)
