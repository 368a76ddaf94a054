"""Assembly source text: comments, statements, labels and operands, before any meaning."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from isa.encode import Mistake

NAME = r"[A-Za-z_.$][\w.$]*"
_LABEL = re.compile(rf"\s*({NAME}|\d+)\s*:")
_ASSIGN = re.compile(rf"\s*({NAME})\s*=(?!=)\s*(.*)", re.DOTALL)
_NEAR = re.compile(r"\b(\d+)([bf])\b")
_CPP = re.compile(r"\s*#(include\s*[<\"]|define\s+\w|ifdef\s|ifndef\s|endif\b)")
_SIMPLE = {"n": 10, "t": 9, "r": 13, "b": 8, "f": 12, "v": 11, "a": 7, "e": 27}


class AsmError(Exception):
    """One mistake in an assembly source.

    line: number from 1; source: the line; problem: what is wrong; hint: what would be right.
    """

    def __init__(self, name: str, line: int, source: str, problem: str, hint: str) -> None:
        super().__init__(f"{name}:{line}: {problem}\n    {source.strip()}\n    {hint}")
        self.name = name
        self.line = line
        self.source = source
        self.problem = problem
        self.hint = hint


@dataclass(frozen=True)
class Statement:
    """One statement: its line number, the labels before it, a word and its operands."""

    line: int
    labels: tuple[str, ...]
    word: str
    operands: tuple[str, ...]


def statements(source: str) -> Iterator[tuple[int, str]]:
    """Every statement's line and text: comments removed, split at newlines and semicolons."""
    line, text, start = 1, "", 1
    for piece in _pieces(source):
        if piece in ("\n", ";"):
            yield start, text
            text = ""
        else:
            text += " " if piece.startswith(("/*", "//", "#")) else piece
        line += piece.count("\n")
        start = line if not text.strip() else start
    yield start, text


_PIECE = re.compile(
    r"""/\*.*?\*/ | //[^\n]* | \#[^\n]* | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^\\\n])' | .""",
    re.VERBOSE | re.DOTALL,
)


def _pieces(source: str) -> Iterator[str]:
    for match in _PIECE.finditer(source):
        yield match[0]


def needs_preprocessor(line: str) -> bool:
    """Is this a line for the C preprocessor, which an assembler would take for a comment?"""
    return _CPP.match(line) is not None


def parse(line: int, text: str) -> Statement:
    """Labels, word and operands of one statement; ``a = b`` is ``.set a, b``."""
    labels = []
    while match := _LABEL.match(text):
        labels.append(match[1])
        text = text[match.end() :]
    if assign := _ASSIGN.match(text):
        return Statement(line, tuple(labels), ".set", (assign[1], assign[2].strip()))
    word, _, rest = text.strip().replace("\t", " ").partition(" ")
    return Statement(line, tuple(labels), word.lower(), tuple(split_operands(rest)))


def split_operands(text: str) -> list[str]:
    """Operands, split at commas outside parentheses and quotes."""
    parts, depth = [""], 0
    for piece in _pieces(text):
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if piece == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += piece
    stripped = [part.strip() for part in parts]
    return [] if stripped == [""] else stripped


def name_near_labels(text: str, seen: dict[str, int]) -> str:
    """``1f`` and ``1b`` as unique names ``1@n``; `seen` counts the labels ``1:`` so far."""
    if text.startswith('"'):
        return text

    def unique(match: re.Match[str]) -> str:
        count = seen.get(match[1], 0)
        return f"{match[1]}@{count + (match[2] == 'f')}"

    return _NEAR.sub(unique, text)


def unescape(text: str) -> bytes:
    """The bytes of a quoted string with C escapes (UTF-8)."""
    if len(text) < 2 or text[0] != '"' or text[-1] != '"':
        raise Mistake(f"{text or 'nothing'} is not a string", 'write it in double quotes: "text"')
    out = bytearray()
    for match in re.finditer(r"\\x([0-9a-fA-F]{1,2})|\\([0-7]{1,3})|\\(.)|([^\\]+)", text[1:-1]):
        if match[4] is not None:
            out += match[4].encode()
        elif match[3] is not None:
            out += bytes([_SIMPLE.get(match[3], ord(match[3]) & 0xFF)])
        else:
            out.append(int(match[1], 16) if match[1] else int(match[2], 8) & 0xFF)
    return bytes(out)
