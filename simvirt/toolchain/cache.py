"""The cache of built things: named by content, safe to share between concurrent processes."""

import hashlib
import json
from pathlib import Path
from typing import Any

from simvirt.cache import cache_root, scratch_root, write_atomically
from simvirt.errors import InputError


def store(path: Path, data: bytes) -> Path:
    """Write a file so that others see all of it or nothing; where it is now.

    Raises InputError if that is impossible.
    """
    path = _scratch(path) or path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(path, data)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be written: {error.strerror}; "
            f"make room or set SIMVIRT_CACHE to another folder than {cache_root()}"
        ) from None
    return path


def fetch(path: Path) -> bytes | None:
    """The content of a cached file, or None."""
    for place in _places(path):
        try:
            return place.read_bytes()
        except OSError:
            continue
    return None


def stored(path: Path) -> Path | None:
    """Where a cached file is, or None."""
    return next((place for place in _places(path) if place.is_file()), None)


def _places(path: Path) -> tuple[Path, ...]:
    scratch = _scratch(path)
    return (path,) if scratch is None else (path, scratch)


def _scratch(path: Path) -> Path | None:
    """The place in the scratch folder of a file of the cache, if there is one."""
    scratch = scratch_root()
    if scratch is None or not path.is_relative_to(cache_root()):
        return None
    return scratch / path.relative_to(cache_root())


def digest(data: bytes) -> str:
    """SHA-256 as hex."""
    return hashlib.sha256(data).hexdigest()


def key_of(*parts: Any) -> str:
    """A name for something that depends on exactly these JSON values."""
    return digest(json.dumps(parts, sort_keys=True).encode())
