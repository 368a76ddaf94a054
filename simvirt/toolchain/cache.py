"""The cache of built things: named by content, safe to share between concurrent processes."""

import hashlib
import json
import os
import sys
import tempfile
from pathlib import Path
from typing import Any

from simvirt.errors import InputError


def cache_dir() -> Path:
    """The user's cache folder for SimVirt; the environment variable SIMVIRT_CACHE overrides it."""
    if chosen := os.environ.get("SIMVIRT_CACHE"):
        return Path(chosen).expanduser().absolute()
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData/Local") / "simvirt"
    if sys.platform == "darwin":
        return Path.home() / "Library/Caches/simvirt"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "simvirt"


def store(path: Path, data: bytes) -> Path:
    """Write a file so that others see all of it or nothing: temporary file, then rename."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=".new-")
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
            os.chmod(name, 0o644)  # mkstemp lets only its owner read
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise InputError(
            f"{path}: the cache cannot be written: {error.strerror}; "
            "set SIMVIRT_CACHE to a folder that can"
        ) from None
    return path


def fetch(path: Path) -> bytes | None:
    """The content of a cached file, or None."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def digest(data: bytes) -> str:
    """SHA-256 as hex."""
    return hashlib.sha256(data).hexdigest()


def key_of(*parts: Any) -> str:
    """A name for something that depends on exactly these JSON values."""
    return digest(json.dumps(parts, sort_keys=True).encode())
