"""The cache folder, shared by concurrent processes: write to a temporary file, then rename."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path


def _umask() -> int:
    """The umask: to read it is to set it, so this is done once, before there are threads."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


_UMASK = _umask()


def cache_root() -> Path:
    """The user's cache folder for SimVirt; the environment variable SIMVIRT_CACHE overrides it."""
    override = os.environ.get("SIMVIRT_CACHE")
    if override:
        return Path(override)
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    return base / "simvirt"


def scratch_root() -> Path | None:
    """Where new files go instead (environment variable SIMVIRT_SCRATCH), or None.

    The cache itself is then only read: it may be read-only, and what a stranger's source is
    compiled to never becomes part of it.
    """
    scratch = os.environ.get("SIMVIRT_SCRATCH")
    return Path(scratch) if scratch else None


def cache_dir(name: str) -> Path:
    """A folder of the cache, made when missing."""
    path = cache_root() / name
    path.mkdir(parents=True, exist_ok=True)
    return path


def write_atomically(path: Path, data: bytes) -> None:
    """Write a whole file or nothing: concurrent readers never see half of it."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
        os.chmod(temporary, 0o666 & ~_UMASK)  # mkstemp gives its file to nobody else
        os.replace(temporary, path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
