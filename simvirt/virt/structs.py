"""C structures as DWARF describes them: read a program's data from outside, by member names."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from struct import unpack
from typing import Any

from simvirt.errors import InputError
from simvirt.loader import Image

_PASS_ON = ("DW_TAG_typedef", "DW_TAG_const_type", "DW_TAG_volatile_type", "DW_TAG_member")
_LETTERS = {1: "B", 2: "H", 4: "I", 8: "Q"}  # of the standard library's struct, by size


@dataclass(frozen=True)
class Number:
    """An integer, enumeration, truth value or pointer."""

    size: int
    signed: bool = False

    def decode(self, data: bytes) -> int:
        """The value in the first bytes of `data`."""
        return int.from_bytes(data[: self.size], "little", signed=self.signed)


@dataclass(frozen=True)
class Array:
    """`count` elements of one type."""

    element: Type
    count: int

    @property
    def size(self) -> int:
        """Bytes of the whole array."""
        return self.element.size * self.count

    def decode(self, data: bytes) -> list[Any]:
        """The elements in order."""
        step = self.element.size
        if isinstance(self.element, Number) and step in _LETTERS:
            letter = _LETTERS[step]
            form = f"<{self.count}{letter.lower() if self.element.signed else letter}"
            return list(unpack(form, data[: step * self.count]))  # many times faster
        return [self.element.decode(data[i * step : (i + 1) * step]) for i in range(self.count)]


@dataclass(frozen=True)
class Struct:
    """A structure: its size, and offset and type of each member."""

    name: str
    size: int
    members: dict[str, tuple[int, Type]]

    def decode(self, data: bytes) -> dict[str, Any]:
        """The members by name."""
        return {name: t.decode(data[at : at + t.size]) for name, (at, t) in self.members.items()}

    def offset(self, path: str) -> int:
        """Offset of a member such as "vcpu.exit.cause".  Raises InputError if there is none."""
        here: Type = self
        total = 0
        for name in path.split("."):
            if not isinstance(here, Struct) or name not in here.members:
                raise InputError(f"struct {self.name} has no member {path!r}")
            at, here = here.members[name]
            total += at
        return total


Type = Number | Array | Struct


def struct(image: Image, name: str) -> Struct:
    """The layout of `struct name` in an executable.

    Raises InputError when its DWARF does not describe it (then it was stripped, or changed).
    """
    key = image.sha256, name
    if key not in _known:
        _known[key] = _read(image, name)
    return _known[key]


_known: dict[tuple[str, str], Struct] = {}


def _read(image: Image, name: str) -> Struct:
    for die in _structures(image.content):
        if _text(die, "DW_AT_name") == name:
            made = _type_of(die)
            assert isinstance(made, Struct)
            return made
    raise InputError(f"{image.path}: no struct {name} in its debug information; build it with -g")


def _structures(elf: bytes) -> Iterator[Any]:
    from elftools.elf.elffile import ELFFile  # slow to import, and rarely needed

    file = ELFFile(io.BytesIO(elf))
    if not file.has_dwarf_info():
        return
    for unit in file.get_dwarf_info(relocate_dwarf_sections=False).iter_CUs():
        for die in unit.get_top_DIE().iter_children():
            declared_only = "DW_AT_declaration" in die.attributes
            if die.tag == "DW_TAG_structure_type" and not declared_only:
                yield die


def _type_of(die: Any) -> Type:
    if die.tag == "DW_TAG_structure_type":
        return _struct_of(die)
    if die.tag == "DW_TAG_array_type":
        return _array_of(die)
    if die.tag in _PASS_ON:
        return _type_of(die.get_DIE_from_attribute("DW_AT_type"))
    if die.tag == "DW_TAG_base_type":
        signed = die.attributes["DW_AT_encoding"].value in (5, 6)  # DW_ATE_signed, signed_char
        return Number(die.attributes["DW_AT_byte_size"].value, signed)
    if die.tag == "DW_TAG_enumeration_type":
        return Number(die.attributes["DW_AT_byte_size"].value)
    return Number(8)  # a pointer


def _struct_of(die: Any) -> Struct:
    members = {}
    for member in die.iter_children():
        if member.tag == "DW_TAG_member" and "DW_AT_name" in member.attributes:
            at = member.attributes["DW_AT_data_member_location"].value
            members[_text(member, "DW_AT_name")] = (at, _type_of(member))
    size = die.attributes["DW_AT_byte_size"].value if "DW_AT_byte_size" in die.attributes else 0
    return Struct(_text(die, "DW_AT_name"), size, members)


def _array_of(die: Any) -> Array:
    made = _type_of(die.get_DIE_from_attribute("DW_AT_type"))
    counts = [_count(child) for child in die.iter_children()]
    for count in reversed(counts):
        made = Array(made, count)
    assert isinstance(made, Array)
    return made


def _count(subrange: Any) -> int:
    attributes = subrange.attributes
    if "DW_AT_count" in attributes:
        return int(attributes["DW_AT_count"].value)
    return (
        int(attributes["DW_AT_upper_bound"].value) + 1 if "DW_AT_upper_bound" in attributes else 0
    )


def _text(die: Any, attribute: str) -> str:
    raw = die.attributes[attribute].value if attribute in die.attributes else b""
    return raw.decode() if isinstance(raw, bytes) else str(raw)
