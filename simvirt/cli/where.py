"""``simvirt where``: from addresses to functions, inlined calls and lines."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from simvirt.cli.messages import say
from simvirt.errors import InputError
from simvirt.loader import Image
from simvirt.observe.names import holds
from simvirt.toolchain import guests_folder
from simvirt.toolchain.manifest import read_manifest
from simvirt.virt.guests import open_guest

_HEX = re.compile(r"(?:0x)?[0-9a-f]{1,16}", re.IGNORECASE)
_OFFSET = re.compile(r"(.+)\+(0x[0-9a-f]{1,16}|[0-9]{1,18})", re.IGNORECASE)
UNKNOWN = 2  # an address was outside the image


def main(options: argparse.Namespace) -> int:
    """Answer each address; exit code 2 when one lies outside all code and data of the image."""
    image = _image(options.image)
    code = 0
    for address in [address_of(image, text) for text in options.address]:
        if not holds(image, address):
            say(f"{address:#x}: {options.image} has nothing there")
            code = UNKNOWN
        for line in answer(image, address):
            print(line)
    return code


def _image(name: str) -> Image:
    programs = read_manifest(guests_folder())
    if name in programs and programs[name].object and not Path(name).exists():
        raise InputError(f"{name}: a part of other programs; name one that contains it")
    return open_guest(name).image


def address_of(image: Image, text: str) -> int:
    """A symbol, symbol+offset, or a hexadecimal number.  Raises InputError."""
    if any(symbol.name == text for symbol in image.symbols):
        return image.address_of(text)
    if _HEX.fullmatch(text):
        return int(text, 16)
    match = _OFFSET.fullmatch(text)
    if match is None:
        if re.fullmatch(r"[A-Za-z_.$][\w.$]*", text):
            return image.address_of(text)
        raise InputError(f"{text!r} is no address: give 0x80000000, a symbol or symbol+0x10")
    return image.address_of(match[1]) + int(match[2], 0) & (1 << 64) - 1


def answer(image: Image, address: int) -> Iterator[str]:
    """One line for the function, innermost first, one for each that it was inlined into."""
    frames = image.frames_at(address)
    head = f"{address:#x}"
    if not frames:
        yield f"{head}  ?"
    for number, frame in enumerate(frames):
        yield f"{head}  {frame}" if not number else f"{'':{len(head)}}  inlined into {frame}"
