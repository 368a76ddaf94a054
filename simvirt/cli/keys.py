"""What keys mean at an interactive console: everything is the guest's but Ctrl-A and the next."""

from __future__ import annotations

from collections.abc import Iterator

ESCAPE = 0x01  # Ctrl-A
HELP = """\
Ctrl-A X  quit
Ctrl-A C  send keys to the next console
Ctrl-A A  send Ctrl-A
Ctrl-A H  this help
Ctrl-C    stop at once"""
_ACTIONS = {"x": "quit", "c": "switch", "h": "help", "?": "help"}


class Keys:
    """Separates keys for the guest from those for us."""

    def __init__(self) -> None:
        self._escaped = False

    def feed(self, data: bytes) -> Iterator[tuple[str, bytes]]:
        """("send", bytes), ("quit", b""), ("switch", b""), ("help", b""), in order."""
        plain = bytearray()
        for byte in data:
            if not self._escaped and byte != ESCAPE:
                plain.append(byte)
            elif not self._escaped:
                self._escaped = True
            else:
                self._escaped = False
                if byte in (ESCAPE, ord("a"), ord("A")):
                    plain.append(ESCAPE)
                    continue
                yield from _sent(plain)
                yield _ACTIONS.get(chr(byte).lower(), "help"), b""
        yield from _sent(plain)


def _sent(plain: bytearray) -> Iterator[tuple[str, bytes]]:
    if plain:
        yield "send", bytes(plain)
        plain.clear()
