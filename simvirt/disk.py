"""Disk images: a file that is only ever read, and what a run has changed.

Changes are kept in memory, block by block, and go with the run, unless an overlay file keeps
them: a sparse list of changed blocks that belongs to one image (docs/formats.md).
"""

from __future__ import annotations

import copy
import hashlib
import io
import os
import struct
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from simvirt.cache import write_atomically
from simvirt.errors import InputError

SECTOR = 512
BLOCK = 4096
MAX_CHANGED = 1 << 30  # bytes of changed blocks that a disk keeps
MAGIC = b"SVDISK01"
_HEADER = struct.Struct("<8sQ32sQ")  # magic, size of the image, its SHA-256, number of blocks
_DIGEST = 32

Blocks = dict[int, bytes]


class Disk:
    """A disk of `size` bytes that `base` (offset, size → bytes) fills, and `changed` overrides.

    `changed` maps block numbers to blocks of 4096 bytes.
    """

    def __init__(
        self,
        size: int,
        base: Callable[[int, int], bytes],
        read_only: bool = False,
        name: str = "disk",
        max_changed: int = MAX_CHANGED,
    ) -> None:
        self.size, self.read_only, self.name = size, read_only, name
        self.changed: Blocks = {}
        self._base, self._max_changed = base, max_changed

    def __deepcopy__(self, memo: dict[int, Any]) -> Disk:
        """A disk of its own over the same image: of a machine's twin."""
        twin = copy.copy(self)
        twin.changed = dict(self.changed)
        memo[id(self)] = twin
        return twin

    def read(self, offset: int, size: int) -> bytes:
        """Bytes [offset, offset + size).  Raises OSError when the image no longer has them."""
        first, end = offset // BLOCK, -(-(offset + size) // BLOCK)
        data = b"".join(self._block(number) for number in range(first, end))
        start = offset - first * BLOCK
        return data[start : start + size]

    def _block(self, number: int) -> bytes:
        if number in self.changed:
            return self.changed[number]
        at = number * BLOCK
        data = self._base(at, min(BLOCK, self.size - at))
        if len(data) < min(BLOCK, self.size - at):
            raise OSError(f"{self.name}: the image has become shorter")
        return data.ljust(BLOCK, b"\0")

    def write(self, offset: int, data: bytes) -> None:
        """Change bytes.  Raises OSError when too much has been changed."""
        first, end = offset // BLOCK, -(-(offset + len(data)) // BLOCK)
        fresh = sum(number not in self.changed for number in range(first, end))
        if (len(self.changed) + fresh) * BLOCK > self._max_changed:
            raise OSError(f"{self.name}: more than {self._max_changed} bytes would be changed")
        whole = bytearray(self.read(first * BLOCK, (end - first) * BLOCK))
        start = offset - first * BLOCK
        whole[start : start + len(data)] = data
        for number in range(first, end):
            at = (number - first) * BLOCK
            self.changed[number] = bytes(whole[at : at + BLOCK])

    def state(self) -> tuple[tuple[int, bytes], ...]:
        """The changed blocks, by number."""
        return tuple(sorted(self.changed.items()))

    def restore(self, state: tuple[tuple[int, bytes], ...]) -> None:
        """Have changed just these.  Raises ValueError unless they are blocks of this disk."""
        for number, block in state:
            if not 0 <= number * BLOCK < self.size or len(block) != BLOCK:
                raise ValueError(f"{self.name}: block {number} of {len(block)} bytes")
        self.changed = dict(state)

    def digest(self) -> str:
        """SHA-256 of what the machine would read."""
        digest = hashlib.sha256()
        for number in range(-(-self.size // BLOCK)):
            digest.update(self._block(number)[: self.size - number * BLOCK])
        return digest.hexdigest()


def memory_disk(data: bytes, read_only: bool = False) -> Disk:
    """A disk that holds these bytes, a multiple of 512."""
    return Disk(len(data), lambda offset, size: data[offset : offset + size], read_only)


# ---- files ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DiskFile:
    """A disk and the files behind it: `save` keeps its changes, if there is an overlay."""

    disk: Disk
    image: Path
    overlay: Path | None
    file: io.BufferedReader = field(repr=False, compare=False)

    def image_digest(self) -> bytes:
        """SHA-256 of the image file."""
        self.file.seek(0)
        return hashlib.file_digest(self.file, "sha256").digest()

    def save(self) -> None:
        """Write the overlay, whole or not at all.  Raises InputError when that is impossible."""
        if self.overlay is None:
            return
        data = pack_overlay(self.disk.size, self.image_digest(), self.disk.changed)
        try:
            write_atomically(self.overlay.absolute(), data)
        except OSError as error:
            raise InputError(
                f"{self.overlay}: cannot be written: {error.strerror}; the disk's changes are lost"
            ) from None


def open_disk(image: Path, overlay: Path | None = None, read_only: bool = False) -> DiskFile:
    """A disk from an image file, which stays as it is.  Raises InputError when it cannot be one."""
    file = _open(image)
    try:
        size = _checked_size(image, file)
        base = partial(_read_at, file)
        disk = Disk(size, base, read_only, image.name)
        made = DiskFile(disk, image, overlay, file)
        if overlay is not None:
            _check_place(overlay, image)
            if overlay.exists():
                disk.changed = _read_overlay(overlay, image, size, made.image_digest())
    except BaseException:
        file.close()
        raise
    weakref.finalize(base, file.close)  # when the last disk over this image has gone
    return made


def _checked_size(image: Path, file: io.BufferedReader) -> int:
    size = file.seek(0, os.SEEK_END)
    if size == 0:
        raise InputError(f"{image}: empty; a disk image has one sector of {SECTOR} bytes or more")
    if size % SECTOR:
        raise InputError(f"{image}: {size} bytes are not a multiple of {SECTOR}; is it an image?")
    return size


def _read_at(file: io.BufferedReader, offset: int, size: int) -> bytes:
    file.seek(offset)
    return file.read(size)


def _open(image: Path) -> io.BufferedReader:
    try:
        if image.is_dir():
            raise InputError(f"{image}: a folder, not a disk image; name the file inside it")
        if image.exists() and not image.is_file():
            raise InputError(f"{image}: not a regular file; copy it into one")
        return image.open("rb")
    except FileNotFoundError:
        raise InputError(f"{image}: no such disk image; check the name") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{image}: cannot be read: {reason}") from None


def _check_place(overlay: Path, image: Path) -> None:
    folder = overlay.absolute().parent
    if overlay.is_dir():
        raise InputError(f"{overlay}: a folder; name the overlay file in it")
    if not folder.is_dir():
        raise InputError(f"{overlay}: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK):
        raise InputError(f"{overlay}: the folder {folder} cannot be written to; choose another")
    if overlay.exists() and os.path.samefile(overlay, image):
        raise InputError(f"{overlay}: is the image itself; name another file for the overlay")


# ---- overlay files -------------------------------------------------------------------------------


def pack_overlay(size: int, image_digest: bytes, changed: Blocks) -> bytes:
    """The bytes of an overlay file: header, block numbers, blocks, SHA-256 of all before."""
    numbers = sorted(changed)
    body = _HEADER.pack(MAGIC, size, image_digest, len(numbers))
    body += struct.pack(f"<{len(numbers)}Q", *numbers)
    body += b"".join(changed[number] for number in numbers)
    return body + hashlib.sha256(body).digest()


def _read_overlay(overlay: Path, image: Path, size: int, image_digest: bytes) -> Blocks:
    limit = _HEADER.size + MAX_CHANGED // BLOCK * (BLOCK + 8) + _DIGEST
    try:
        if overlay.stat().st_size > limit:
            raise InputError(f"{overlay}: bigger than any overlay; is it one?")
        data = overlay.read_bytes()
    except OSError as error:
        raise InputError(f"{overlay}: cannot be read: {error.strerror}") from None
    if not data.startswith(MAGIC):
        raise InputError(f"{overlay}: not an overlay of SimVirt; name another file")
    blocks = _unpack(data, str(overlay))
    _, its_size, its_digest, _ = _HEADER.unpack_from(data)
    if (its_size, its_digest) != (size, image_digest):
        raise InputError(
            f"{overlay}: belongs to another image than {image}, or that was changed since; "
            "name the right image, or another overlay"
        )
    if any(number * BLOCK >= size for number in blocks):
        raise InputError(f"{overlay}: damaged: a block beyond the disk; remove it and start again")
    return blocks


def _unpack(data: bytes, where: str) -> Blocks:
    body, digest = data[:-_DIGEST], data[-_DIGEST:]
    whole = len(body) >= _HEADER.size and hashlib.sha256(body).digest() == digest
    count = _HEADER.unpack_from(data)[3] if whole else 0
    start = _HEADER.size + 8 * count
    if not whole or len(body) != start + BLOCK * count:
        raise InputError(f"{where}: damaged or cut off; remove it and start again from the image")
    numbers = struct.unpack_from(f"<{count}Q", body, _HEADER.size)
    return {n: body[start + i * BLOCK : start + (i + 1) * BLOCK] for i, n in enumerate(numbers)}
