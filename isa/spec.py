"""Instruction records and how they are registered: pattern, syntax, facts, semantics.

A pattern is written as the manual prints an encoding, most significant bit first: fixed bits,
register fields (``rd rs1 rs2`` of 5 bits, ``rd' rs1' rs2'`` of 3 bits that name x8-x15), plain
fields with a width, and immediates with the bits they hold, as ``imm[12|10:5]``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from inspect import signature
from typing import TypeVar

_WIDTHS = {"rd": 5, "rs1": 5, "rs2": 5, "rd'": 3, "rs1'": 3, "rs2'": 3, "csr": 12}
_PLAIN = {"aq": 1, "rl": 1, "fm": 4, "pred": 4, "succ": 4, "uimm5": 5}


@dataclass(frozen=True)
class Piece:
    """`width` bits at `source` of the encoding are the bits at `target` of an operand."""

    operand: str
    source: int
    width: int
    target: int


@dataclass(frozen=True)
class Expansion:
    """What a compressed instruction stands for: a base instruction and its operands.

    Each operand is a constant or the name of an operand of the compressed form.
    """

    insn: str
    rd: int | str = 0
    rs1: int | str = 0
    rs2: int | str = 0
    imm: int | str = 0


@dataclass(frozen=True)
class Insn:
    """One instruction: everything that is known about it.

    kind: alu, branch, jump, load, store, lr, sc, amo, csr, system or compressed.
    privilege: lowest mode in which it runs (0 U, 1 S, 3 M); otherwise illegal instruction.
    sensitive: "" (innocuous), "control", "behaviour" or "both" (Popek and Goldberg).
    """

    name: str
    pattern: str
    syntax: str
    kind: str
    doc: str
    section: str
    body: Callable[..., object] | None = None
    width: int = 0
    signed: bool = True
    privilege: int = 0
    sensitive: str = ""
    nonzero: tuple[str, ...] = ()
    excluded: tuple[tuple[str, int], ...] = ()
    expansion: Expansion | None = None
    module: str = ""  # where it is registered; groups the reference pages

    @cached_property
    def bits(self) -> int:
        """Length of the encoding: 16 or 32."""
        return self._parsed[2]

    @cached_property
    def match(self) -> int:
        """Value of the fixed bits."""
        return self._parsed[0]

    @cached_property
    def mask(self) -> int:
        """Which bits are fixed."""
        return self._parsed[1]

    @cached_property
    def pieces(self) -> tuple[Piece, ...]:
        """Where each operand's bits are."""
        return self._parsed[3]

    @cached_property
    def operands(self) -> tuple[str, ...]:
        """Names of the operands in the encoding, in order of appearance."""
        return tuple(dict.fromkeys(piece.operand for piece in self.pieces))

    @cached_property
    def _parsed(self) -> tuple[int, int, int, tuple[Piece, ...]]:
        tokens = self.pattern.split()
        total = sum(token_width(token) for token in tokens)
        if total not in (16, 32):
            raise ValueError(f"{self.name}: pattern has {total} bits, not 16 or 32")
        match = mask = 0
        position = total
        pieces: list[Piece] = []
        for token in tokens:
            width = token_width(token)
            position -= width
            if set(token) <= {"0", "1"}:
                match |= int(token, 2) << position
                mask |= ((1 << width) - 1) << position
            else:
                pieces += _token_pieces(token, position, width)
        return match, mask, total, tuple(pieces)

    def width_of(self, operand: str) -> int:
        """Bits of an operand's value, counted from bit 0 (the highest piece decides)."""
        return max(p.target + p.width for p in self.pieces if p.operand == operand)

    def low_zeros(self, operand: str) -> int:
        """How many low bits of an operand are not encoded and therefore zero."""
        return min(p.target for p in self.pieces if p.operand == operand)


def _bit_ranges(token: str) -> list[tuple[int, int]]:
    ranges = []
    for part in token[token.index("[") + 1 : -1].split("|"):
        high, _, low = part.partition(":")
        ranges.append((int(high), int(low or high)))
    return ranges


def token_width(token: str) -> int:
    """Bits that one part of a pattern stands for."""
    if set(token) <= {"0", "1"}:
        return len(token)
    if "[" in token:
        return sum(high - low + 1 for high, low in _bit_ranges(token))
    return _WIDTHS[token] if token in _WIDTHS else _PLAIN[token]


def _token_pieces(token: str, position: int, width: int) -> list[Piece]:
    if "[" not in token:
        return [Piece(token, position, width, 0)]
    operand = token[: token.index("[")]
    pieces = []
    top = position + width
    for high, low in _bit_ranges(token):
        top -= high - low + 1
        pieces.append(Piece(operand, top, high - low + 1, low))
    return pieces


class Table:
    """The instructions in the order in which they were registered."""

    def __init__(self) -> None:
        self.insns: list[Insn] = []
        self.revision = 0  # changes with the table: what is remembered of it is then stale

    def add(self, insn: Insn) -> None:
        """Register one instruction.

        Raises ValueError if its name is taken or its pattern has not 16 or 32 bits.
        """
        if any(other.name == insn.name for other in self.insns):
            raise ValueError(f"instruction {insn.name} is registered twice")
        if insn.bits == 32 and insn.match & 3 != 3:
            raise ValueError(f"{insn.name}: a 32-bit encoding ends in 11")
        self.insns.append(insn)
        self.revision += 1

    def remove(self, name: str) -> None:
        """Take an instruction out again.  Raises KeyError if there is none of this name."""
        kept = [insn for insn in self.insns if insn.name != name]
        if len(kept) == len(self.insns):
            raise KeyError(name)
        self.insns = kept
        self.revision += 1


TABLE = Table()

Body = TypeVar("Body", bound=Callable[..., object])


def insn(
    kind: str, name: str, pattern: str, syntax: str, **facts: object
) -> Callable[[Body], Body]:
    """Register the decorated function as the semantics of an instruction.

    The function's docstring is the documentation; its last line "[x]" names the manual section.
    Decorators stack: one body can serve a whole family (add and addi).
    """

    def register(body: Body) -> Body:
        doc, _, section = (body.__doc__ or "").strip().rpartition("[")
        has_body = kind not in ("load", "store", "lr", "sc", "system", "compressed")
        TABLE.add(
            Insn(name, pattern, syntax, kind, " ".join(doc.split()), section.rstrip("]"),
                 body=body if has_body else None,
                 expansion=_expand(body) if kind == "compressed" else None,
                 module=getattr(body, "__module__", ""),
                 **facts)  # type: ignore[arg-type]
        )  # fmt: skip
        return body

    return register


def _expand(body: Callable[..., object]) -> Expansion:
    names = list(signature(body).parameters)
    expansion = body(*(name.replace("_p", "'") for name in names))
    if not isinstance(expansion, Expansion):
        raise TypeError(f"{body} must return an Expansion")
    return expansion
