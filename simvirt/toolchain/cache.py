"""The cache of built things: named by content, safe to share between concurrent processes."""

import hashlib
import json
from pathlib import Path
from typing import Any

from simvirt.cache import cache_root, write_atomically
from simvirt.errors import InputError


def store(path: Path, data: bytes) -> Path:
    """Write a file so that others see all of it or nothing; InputError if that is impossible."""
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
