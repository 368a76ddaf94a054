"""Flattened device trees: emit them from plain data, parse and validate them.

A tree is a dictionary: a key whose value is a dictionary is a child node, any other value is a
property.  Property values: ``int`` is a 32-bit cell, a list of ints is cells, ``str`` and a list of
strings are NUL-terminated text, ``bytes`` stand for themselves (see ``u64``), ``True`` is an empty
property.  Source: Devicetree Specification 0.4, chapter 5.
"""

import struct
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NoReturn, TypeAlias

from simvirt.errors import InputError

Value: TypeAlias = bool | int | str | bytes | Sequence[int] | Sequence[str]
Tree: TypeAlias = Mapping[str, "Value | Tree"]
Parsed: TypeAlias = "dict[str, bytes | Parsed]"

MAGIC = 0xD00DFEED
VERSION = 17
COMPATIBLE_VERSION = 16
MAX_SIZE = 2 << 20
MAX_DEPTH = 64
_HEADER = struct.Struct(">10I")
_BEGIN, _END, _PROP, _NOP, _FINISH = 1, 2, 3, 4, 9


def u64(*values: int) -> bytes:
    """Values of two 32-bit cells each, as in ``reg`` with #address-cells = #size-cells = 2."""
    return struct.pack(f">{len(values)}Q", *values)


def merged(base: Tree, extra: Tree) -> Tree:
    """``base`` with the nodes and properties of ``extra`` added; those of ``extra`` win."""
    result = dict(base)
    for name, value in extra.items():
        old = result.get(name)
        both = isinstance(value, Mapping) and isinstance(old, Mapping)
        result[name] = merged(old, value) if both else value  # type: ignore[arg-type]
    return result


# Emitting


def encode_value(value: "Value") -> bytes:
    """The bytes of one property."""
    if isinstance(value, bytes):
        return value
    if value is True:
        return b""
    if isinstance(value, int):
        return struct.pack(">I", value)
    if isinstance(value, str):
        return value.encode() + b"\0"
    return b"".join(encode_value(item) for item in value)


class _Writer:
    def __init__(self) -> None:
        self.structure = bytearray()
        self.strings = bytearray()
        self._places: dict[str, int] = {}

    def _word(self, *words: int) -> None:
        self.structure += struct.pack(f">{len(words)}I", *words)

    def _bytes(self, data: bytes) -> None:
        self.structure += data + bytes(-len(data) % 4)

    def _place(self, name: str) -> int:
        if name not in self._places:
            self._places[name] = len(self.strings)
            self.strings += name.encode() + b"\0"
        return self._places[name]

    def node(self, name: str, tree: Tree) -> None:
        self._word(_BEGIN)
        self._bytes(name.encode() + b"\0")
        for key, value in tree.items():  # properties come before child nodes
            if not isinstance(value, Mapping) and value is not False:
                data = encode_value(value)
                self._word(_PROP, len(data), self._place(key))
                self._bytes(data)
        for key, value in tree.items():
            if isinstance(value, Mapping):
                self.node(key, value)
        self._word(_END)

    def finish(self) -> None:
        self._word(_FINISH)


def emit(tree: Tree) -> bytes:
    """The device tree blob (version 17) of ``tree``; a property of value False is left out."""
    writer = _Writer()
    writer.node("", tree)
    writer.finish()
    reserved = bytes(16)  # the memory reservation block: only its terminator
    structure = _HEADER.size + len(reserved)
    strings = structure + len(writer.structure)
    sizes = len(writer.strings), len(writer.structure)
    total = strings + len(writer.strings)
    total += -total % 8
    header = _HEADER.pack(
        MAGIC, total, structure, strings, _HEADER.size, VERSION, COMPATIBLE_VERSION, 0, *sizes
    )
    return (header + reserved + writer.structure + writer.strings).ljust(total, b"\0")


# Parsing


@dataclass(frozen=True)
class _Block:
    """One block of the blob: [start, end)."""

    name: str
    start: int
    end: int


def _corrupt(offset: int, what: str) -> NoReturn:
    raise InputError(
        f"device tree: {what}, at offset {offset:#x}; "
        "make the blob again, for example with `dtc -O dtb`"
    )


class _Reader:
    def __init__(self, blob: bytes) -> None:
        self._blob = blob
        self._header()

    def _header(self) -> None:
        blob = self._blob
        if len(blob) < _HEADER.size:
            _corrupt(len(blob), f"{len(blob)} bytes are too few for the 40-byte header")
        fields = _HEADER.unpack_from(blob)
        magic, total, structure, strings, reserved, version, compatible = fields[:7]
        if magic != MAGIC:
            _corrupt(0, f"magic number {magic:#010x} instead of {MAGIC:#010x}")
        if total > len(blob) or total < _HEADER.size:
            _corrupt(4, f"total size {total} does not fit the {len(blob)} bytes given")
        if total > MAX_SIZE:
            _corrupt(4, f"total size {total} exceeds {MAX_SIZE}")
        if version < VERSION or compatible > VERSION:
            _corrupt(20, f"version {version} (compatible with {compatible}) is not 17")
        self._strings = self._block("strings block", 12, strings, fields[8], total, 1)
        self._structure = self._block("structure block", 8, structure, fields[9], total, 4)
        self._reservations(reserved, total)

    @staticmethod
    def _block(name: str, at: int, start: int, size: int, total: int, align: int) -> _Block:
        if start % align:
            _corrupt(at, f"{name} starts at {start:#x}, not a multiple of {align}")
        if start < _HEADER.size or start + size > total:
            _corrupt(at, f"{name} [{start:#x}, {start + size:#x}) leaves the blob")
        return _Block(name, start, start + size)

    def _reservations(self, start: int, total: int) -> None:
        if start % 8 or start < _HEADER.size:
            _corrupt(16, f"memory reservation block starts at {start:#x}")
        for offset in range(start, total - 15, 16):
            if self._blob[offset : offset + 16] == bytes(16):
                return
        _corrupt(start, "memory reservation block has no end")

    def _word(self, offset: int) -> int:
        if offset + 4 > self._structure.end:
            _corrupt(offset, "structure block ends in the middle")
        return int.from_bytes(self._blob[offset : offset + 4], "big")

    def _text(self, offset: int, block: _Block) -> str:
        end = self._blob.find(b"\0", offset, block.end) if block.start <= offset else -1
        if end < 0:
            _corrupt(offset, f"name without an end in the {block.name}")
        try:
            return self._blob[offset:end].decode("ascii")
        except UnicodeDecodeError:
            _corrupt(offset, f"name that is not ASCII in the {block.name}")

    def _tokens(self) -> Iterator[tuple[int, int, str, bytes]]:
        """(offset, token, name, data) of each token but NOPs."""
        at = self._structure.start
        while True:
            token = self._word(at)
            next_at, name, data = at + 4, "", b""
            if token == _BEGIN:
                name = self._text(at + 4, self._structure)
                next_at += len(name) + 1
            elif token == _PROP:
                name, data = self._property(at)
                next_at += 8 + len(data)
            elif token not in (_END, _NOP, _FINISH):
                _corrupt(at, f"unknown token {token:#x}")
            if token != _NOP:
                yield at, token, name, data
            if token == _FINISH:
                return
            at = next_at + -next_at % 4

    def _property(self, at: int) -> tuple[str, bytes]:
        size, name_at = self._word(at + 4), self._word(at + 8)
        start = at + 12
        if start + size > self._structure.end:
            _corrupt(at, f"property of {size} bytes leaves the structure block")
        name = self._text(self._strings.start + name_at, self._strings)
        return name, self._blob[start : start + size]

    def tree(self) -> Parsed:
        stack: list[Parsed] = []
        root: Parsed | None = None
        for at, token, name, data in self._tokens():
            if token == _BEGIN:
                if not stack and root is not None:
                    _corrupt(at, "a second root node")
                node: Parsed = {}
                if stack:
                    self._add(at, stack[-1], name, node)
                else:
                    root = node
                stack.append(node)
                if len(stack) > MAX_DEPTH:
                    _corrupt(at, f"nodes nest deeper than {MAX_DEPTH}")
            elif token == _FINISH:
                if stack or root is None:
                    _corrupt(at, "the tree ends inside a node")
            elif not stack:
                _corrupt(at, "a token outside the root node")
            elif token == _END:
                stack.pop()
            else:
                self._add(at, stack[-1], name, data)
        assert root is not None
        return root

    @staticmethod
    def _add(at: int, node: Parsed, name: str, value: "bytes | Parsed") -> None:
        if name in node or not name:
            _corrupt(at, f"name {name!r} is empty or occurs twice in its node")
        node[name] = value


def parse(blob: bytes) -> Parsed:
    """The tree in ``blob``, properties as bytes; InputError says what is corrupt, and where."""
    return _Reader(blob).tree()


def validate(blob: bytes) -> None:
    """Raise InputError unless ``blob`` is a well-formed device tree that describes memory."""
    tree = parse(blob)
    memory = [node for name, node in tree.items() if name.split("@")[0] == "memory"]
    if not any(isinstance(node, dict) and "reg" in node for node in memory):
        raise InputError("device tree: no /memory node with `reg`; a kernel could not find its RAM")


def memory_ranges(blob: bytes) -> list[tuple[int, int]]:
    """(base, size) of all RAM that the tree in ``blob`` describes."""
    tree = parse(blob)
    address, size = 4 * _cell(tree, "#address-cells", 2), 4 * _cell(tree, "#size-cells", 1)
    found = []
    for name, node in tree.items():
        if name.split("@")[0] != "memory" or not isinstance(node, dict):
            continue
        reg = node.get("reg")
        if not isinstance(reg, bytes):
            continue
        for at in range(0, len(reg) - address - size + 1, address + size or 1):
            entry = reg[at : at + address + size]
            found.append((int.from_bytes(entry[:address], "big"),
                          int.from_bytes(entry[address:], "big")))  # fmt: skip
    return found


def _cell(node: Parsed, name: str, usual: int) -> int:
    value = node.get(name)
    return int.from_bytes(value, "big") if isinstance(value, bytes) else usual


def check_memory(blob: bytes, base: int, size: int) -> None:
    """Raise InputError when the tree promises RAM that is not in [base, base + size)."""
    for start, length in memory_ranges(blob):
        if start < base or start + length > base + size:
            raise InputError(
                f"device tree: its /memory [{start:#x}, {start + length:#x}) is not in the board's "
                f"RAM [{base:#x}, {base + size:#x}); change it, or give more --mem"
            )


def lookup(tree: Parsed, path: str) -> "bytes | Parsed | None":
    """The node or property at ``path`` ("/soc/serial@10000000/reg"), or None."""
    here: bytes | Parsed | None = tree
    for name in path.strip("/").split("/"):
        if not isinstance(here, dict):
            return None
        here = here.get(name) if name else here
    return here
