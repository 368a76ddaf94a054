"""Guest console bytes as text that cannot act on a terminal."""

from __future__ import annotations

import codecs

_PLAIN = "\n\r\t\b"


def harmless(text: str) -> str:
    """Text with every character escaped that could do more than be seen."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in _PLAIN else _escaped(c) for c in text)


def _escaped(character: str) -> str:
    code = ord(character)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def visible(data: bytes) -> str:
    """All of some console output as harmless text (UTF-8 where it is)."""
    return harmless(data.decode("utf-8", "backslashreplace"))


class Escaper:
    """The same for output that comes in pieces: a character may be cut in two."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("backslashreplace")

    def feed(self, data: bytes, final: bool = False) -> str:
        """The text of the next bytes; `final`: nothing follows."""
        return harmless(self._decoder.decode(data, final))


class Transparent:
    """Bytes as they are; the writer's encoding is Latin-1, too."""

    def feed(self, data: bytes, final: bool = False) -> str:
        """One character per byte."""
        return data.decode("latin-1")
