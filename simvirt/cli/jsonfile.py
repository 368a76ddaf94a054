"""JSON reports: written whole or not at all, and refused early when they cannot be."""

from __future__ import annotations

import json
import os
from pathlib import Path

from simvirt.cache import write_atomically
from simvirt.errors import InputError


def check_writable(path: Path) -> None:
    """Raise InputError now if a file could not be written later."""
    if path.is_dir():
        raise InputError(f"{path}: a folder; name a file in it")
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError(f"{path}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{path}: the folder {folder} cannot be written to; choose another")


def write_json(path: Path, value: object) -> None:
    """Write one JSON value.  Raises InputError when that is impossible."""
    try:
        write_atomically(path.absolute(), json.dumps(value, indent=2).encode() + b"\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror}; choose another") from None
