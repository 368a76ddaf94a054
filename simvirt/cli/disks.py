"""``--disk FILE[,ro][,overlay=PATH]``: from the option to a disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from simvirt.board import VIRTIO_SLOTS
from simvirt.disk import DiskFile, open_disk
from simvirt.errors import InputError
from simvirt.virt.stacks import Stack


@dataclass(frozen=True)
class DiskOption:
    """What `--disk` asks for."""

    image: Path
    read_only: bool = False
    overlay: Path | None = None


def parse_disk(text: str) -> DiskOption:
    """The parts of one `--disk`; options come last, so that a file's name may hold commas."""
    parts = text.split(",")
    read_only, overlay = False, None
    while len(parts) > 1:
        if parts[-1] == "ro":
            read_only = True
        elif parts[-1].startswith("overlay="):
            overlay = parts[-1].removeprefix("overlay=")
        else:
            break
        parts.pop()
    image = ",".join(parts)
    if not image or overlay == "":
        raise InputError(f"--disk {text}: a file name is missing; write FILE[,ro][,overlay=PATH]")
    if read_only and overlay is not None:
        raise InputError(f"--disk {text}: a read-only disk changes nothing; drop ro or overlay")
    if len(parts) > 1 and not Path(image).exists():
        raise InputError(f"--disk {text}: no such image; the options are `ro` and `overlay=PATH`")
    return DiskOption(Path(image), read_only, None if overlay is None else Path(overlay))


def open_disks(texts: Sequence[str]) -> tuple[DiskFile, ...]:
    """The disks of a command line, in order.  Raises InputError."""
    if len(texts) > VIRTIO_SLOTS:
        raise InputError(f"--disk: {len(texts)} disks; the board has room for {VIRTIO_SLOTS}")
    options = [parse_disk(text) for text in texts]
    overlays = [o.overlay.absolute() for o in options if o.overlay is not None]
    for overlay in overlays:
        if overlays.count(overlay) > 1:
            raise InputError(f"{overlay}: an overlay belongs to one disk; name two")
    return tuple(open_disk(o.image, o.overlay, o.read_only) for o in options)


def save_disks(stack: Stack) -> None:
    """Keep what has been changed where an overlay is named.  Raises InputError."""
    for file in stack.disks:
        file.save()


def complaints(stack: Stack) -> list[str]:
    """One line for each disk whose driver has broken the rules."""
    pairs = zip(stack.disks, stack.machine.disks, strict=True)
    return [
        f"{file.image}: its driver broke the rules of virtio: {device.complaint}; "
        "the disk waits for a reset"
        for file, device in pairs
        if device.complaint
    ]


def describe(stack: Stack) -> list[dict[str, Any]]:
    """The disks in the JSON report."""
    return [
        {
            "image": str(file.image),
            "image_sha256": file.image_digest().hex(),
            "read_only": file.disk.read_only,
            "overlay": None if file.overlay is None else str(file.overlay),
            "sha256": file.disk.digest(),
        }
        for file in stack.disks
    ]
