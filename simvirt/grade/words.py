"""Words of a stranger as text that can act neither on a terminal nor on a report's lines.

A submission's folder has any name, and a compiler quotes any source: an escape sequence could
move the cursor, and a line's end could begin a line that looks like one of the report's.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Sequence


def one_line(text: str) -> str:
    """The text with everything escaped that is not simply seen, ends of lines, too."""
    return "".join(c if c.isprintable() else _escaped(c) for c in text)


def lines(text: str) -> list[str]:
    """The lines of a text, each as `one_line`, tabs as blanks."""
    return [one_line(line.expandtabs()) for line in text.replace("\r\n", "\n").split("\n")]


def command(words: Sequence[str]) -> str:
    """A command for this system's shell, on one line whatever its words are."""
    if os.name == "nt":
        return one_line(subprocess.list2cmdline(words))
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if word.isprintable():
        return shlex.quote(word)
    plain = word.replace("\\", "\\\\").replace("'", "\\'")
    return "$'" + "".join(c if c.isprintable() else _octal(c) for c in plain) + "'"


def _octal(character: str) -> str:
    """For `$'...'`: its bytes in octal, where no digit that follows is taken for one more."""
    return "".join(f"\\{byte:03o}" for byte in os.fsencode(character))


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return {"\n": "\\n", "\r": "\\r", "\t": "\\t"}.get(character, f"\\x{code:02x}")
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
