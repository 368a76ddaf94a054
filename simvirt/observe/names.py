"""Functions and lines of pcs, whichever layer or guest they belong to."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from simvirt.errors import InputError
from simvirt.lines import Frame
from simvirt.loader import Image
from simvirt.virt.layers import Layers, Where
from simvirt.virt.stacks import Stack

_HELD = 1 << 16  # answers


class Names:
    """Names pcs in the executables of a stack."""

    def __init__(self, stack: Stack) -> None:
        self.layers = Layers(stack)
        self.place = lru_cache(_HELD)(self._place)

    def _place(self, layer: str, vm: int | None, pc: int) -> str:
        """ "function+0x10 (file:line)"; "" when none is known, or programs there differ in it."""
        if vm is not None and vm >= len(self.layers.stack.guests):
            return ""
        where = Where(layer, vm, None, "", None)
        linked = self.layers.linked(pc)
        images = [i for i in self.layers.candidates(where) if holds(i, linked)]
        found = {self._text(image, pc) for image in images}
        return found.pop() if len(found) == 1 else ""

    def _text(self, image: Image, pc: int) -> str:
        symbol, source = self.layers.symbol(image, pc), self.layers.source(image, pc)
        return f"{symbol} ({source})".strip() if source else symbol

    def function(self, layer: str, vm: int | None, pc: int) -> str:
        """The function at `pc`, "" when it is not known."""
        return self.place(layer, vm, pc).split(" ")[0].split("+")[0]


def holds(image: Image, pc: int) -> bool:
    """Does the executable have bytes at `pc`?"""
    return any(0 <= pc - s.paddr < len(s.data) for s in image.segments)


def executables(layers: Layers) -> dict[str, Image]:
    """By name: layers and guests as `Simulation.images` has them, programs as `simvirt build`."""
    stack = layers.stack
    named = {**stack.layers, **{guest.name: guest.image for guest in stack.guests}}
    for image in layers.executables():
        named.setdefault(Path(image.path).stem, image)
    return named


def frames_in(
    stack: Stack, pc: int, name: str | None, code: Callable[[], bytes]
) -> tuple[Frame, ...]:
    """The functions at `pc`, innermost first: of an executable by name, or of what runs now.

    `code` reads the bytes there, by which programs at the same addresses are told apart.
    Raises InputError when no executable has that name.
    """
    layers = Layers(stack)
    if name is not None:
        images = executables(layers)
        if name not in images:
            raise InputError(f"no executable {name!r} in this stack: {', '.join(images)}")
        return images[name].frames_at(layers.linked(pc))
    held = b""
    with suppress(InputError):  # nothing is mapped there now
        held = code()
    image = layers.image(layers.where(), pc, held)
    return () if image is None else image.frames_at(layers.linked(pc))
