"""Submissions: what is taken of a stranger's folder."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from simvirt.errors import InputError
from simvirt.grade.lab import Lab
from simvirt.grade.words import one_line


@dataclass(frozen=True)
class Submission:
    """The listed files of one submission; `missing` ones are those of the skeleton."""

    name: str
    files: dict[str, bytes]
    missing: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """Two submissions with the same files have the same."""
        known = hashlib.sha256()
        for name, content in sorted(self.files.items()):
            known.update(f"{name}\0{len(content)}\0".encode() + content)
        return known.hexdigest()

    def write(self, folder: Path) -> Path:
        """Put the files into a fresh folder."""
        for name, content in self.files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        return folder


def take(lab: Lab, folder: Path) -> Submission:
    """Read a submission: only the files that the lab lists, each a plain file of bounded size.

    What is missing is the skeleton's, never the reference solution's.  Raises InputError for a
    folder that is none, for links and for files that are too large.
    """
    if not folder.is_dir():
        raise InputError(
            f"{one_line(str(folder))}: no such folder; give the folder that holds {lab.files[0]}"
        )
    files, missing = {}, []
    for name in lab.files:
        content = _read(folder, name, lab.max_file)
        if content is None:
            missing.append(name)
            content = lab.skeleton(name)
        files[name] = content
    return Submission(folder.name or str(folder), files, tuple(missing))


def _read(folder: Path, name: str, limit: int) -> bytes | None:
    path = folder
    for part in name.split("/"):
        path = path / part
        if path.is_symlink():
            raise InputError(
                f"{one_line(str(path))}: a symbolic link; submissions hold plain files only"
            )
    # Not blocking, in case it is a pipe; what was opened is checked, not what was there before.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        handle = os.open(path, flags | getattr(os, "O_BINARY", 0))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise InputError(f"{one_line(str(path))}: cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise InputError(f"{one_line(str(path))}: not a plain file")
    with os.fdopen(handle, "rb") as file:
        content = file.read(limit + 1)
    if len(content) > limit:
        raise InputError(f"{one_line(str(path))}: larger than {limit} bytes")
    return content
