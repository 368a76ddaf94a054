"""What the machine's consoles write, on its way to standard output.

Bytes arrive in the thread that runs the machine and leave in the main thread (`drain`), so a slow
reader never holds a lock that the machine needs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import BinaryIO

from simvirt.cli.escape import Escaper, Transparent


class Output:
    """Merges consoles line by line; each line begins with its console's prefix.

    On a terminal (`live`) a line shows while it grows; otherwise it is written when complete, so
    that lines of several consoles never mix.
    """

    def __init__(
        self,
        prefixes: Sequence[str],
        stream: BinaryIO,
        encoding: str = "utf-8",
        live: bool = False,
        raw: bool = False,
    ) -> None:
        self._prefixes = prefixes
        self._stream = stream
        self._encoding = "latin-1" if raw else encoding
        self._live = live
        self._lock = threading.Lock()
        self._pending: list[tuple[int, bytearray]] = []
        make = Transparent if raw else Escaper
        self._decoders: list[Escaper | Transparent] = [make() for _ in prefixes]
        self._lines = ["" for _ in prefixes]  # incomplete, not yet written
        self._open: int | None = None  # whose incomplete line is on the terminal

    def sink(self, console: int) -> Callable[[int], None]:
        """What a UART calls with each byte sent."""

        def put(byte: int) -> None:
            with self._lock:
                if not self._pending or self._pending[-1][0] != console:
                    self._pending.append((console, bytearray()))
                self._pending[-1][1].append(byte)

        return put

    def drain(self) -> None:
        """Write what has come.  Raises OSError when that is impossible."""
        with self._lock:
            pending, self._pending = self._pending, []
        for console, data in pending:
            self._put(console, self._decoders[console].feed(bytes(data)))
        if pending:
            self._stream.flush()

    def finish(self) -> None:
        """Write all that is left, incomplete lines included."""
        self.drain()
        for console, decoder in enumerate(self._decoders):
            self._put(console, decoder.feed(b"", final=True))
            if self._lines[console]:
                end = "\n" if self._prefixes[console] else ""
                self._write(self._prefixes[console] + self._lines[console] + end)
                self._lines[console] = ""
        self.break_line()
        self._stream.flush()

    def break_line(self) -> None:
        """End an incomplete line on the terminal: something else follows."""
        if self._open is not None:
            self._open = None
            self._write("\n")
            self._stream.flush()

    def _put(self, console: int, text: str) -> None:
        if not self._live:
            *complete, self._lines[console] = (self._lines[console] + text).split("\n")
            self._write("".join(f"{self._prefixes[console]}{line}\n" for line in complete))
            return
        for piece in _pieces(text):
            self._show(console, piece)

    def _show(self, console: int, piece: str) -> None:
        if self._open not in (None, console):
            self.break_line()
        prefix = self._prefixes[console] if self._open is None else ""
        self._write(prefix + piece)
        self._open = None if piece.endswith("\n") else console

    def _write(self, text: str) -> None:
        self._stream.write(text.encode(self._encoding, "backslashreplace"))


def _pieces(text: str) -> list[str]:
    """Lines with their ends; unlike splitlines only at line feeds."""
    *complete, rest = text.split("\n")
    return [f"{line}\n" for line in complete] + ([rest] if rest else [])
