"""Temporary folders of the grader, which the next grader removes if this one was killed.

Each holds a lock for as long as its maker lives, whatever ends that.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
import tempfile
from pathlib import Path

PREFIX = "simvirt-grade-"
_LOCK = "in-use"


class Scratch:
    """A temporary folder, `name`; a context manager that removes it."""

    def __init__(self) -> None:
        self.name = tempfile.mkdtemp(prefix=PREFIX)
        self._lock = _locked(Path(self.name))

    def __enter__(self) -> Path:
        return Path(self.name)

    def __exit__(self, *_: object) -> None:
        self.cleanup()

    def cleanup(self) -> None:
        """Remove the folder; what cannot be removed is left."""
        shutil.rmtree(self.name, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
        self._lock = None


def _locked(folder: Path) -> int | None:
    """The lock, under its name only when it is held; None where there are none (Windows)."""
    if sys.platform == "win32":
        return None
    import fcntl

    new = folder / f"{_LOCK}.new"
    handle = os.open(new, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    fcntl.flock(handle, fcntl.LOCK_EX)
    new.rename(folder / _LOCK)
    return handle


def sweep() -> None:
    """Remove the folders of graders of this user that were killed."""
    if sys.platform == "win32":
        return
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):  # another removes it, or its grader is at work
            if folder.lstat().st_uid == os.getuid() and not folder.is_symlink():
                _remove(folder)


def _remove(folder: Path) -> None:
    """Raises OSError when the lock is held, or is not there."""
    import fcntl

    handle = os.open(folder / _LOCK, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0))
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # A process of the killed one may still write: with the lock there, the next sweep goes on.
        for entry in folder.iterdir():
            if entry.name != _LOCK:
                _remove_entry(entry)
        if len([*folder.iterdir()]) == 1:
            shutil.rmtree(folder, ignore_errors=True)
    finally:
        os.close(handle)


def _remove_entry(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink()
