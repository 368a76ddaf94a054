"""gdb's file requests, for the executables of the stack only: no file of this computer is read."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from simvirt.gdb.framing import PACKET_SIZE, escape

_ENOENT, _EBADF, _EINVAL, _EROFS, _ENOSYS = 2, 9, 22, 30, 88  # numbers of the protocol
_WRITING = 0x1 | 0x2 | 0x8 | 0x200 | 0x400  # O_WRONLY, O_RDWR, O_APPEND, O_CREAT, O_TRUNC
_STAT = struct.Struct(">IIIIIIIQQQIII")  # dev ino mode nlink uid gid rdev size blksize blocks times
_READABLE_FILE = 0o100444


class Files:
    """Answers ``vFile`` packets from memory.  `files`: name → content."""

    def __init__(self, files: Mapping[str, bytes]) -> None:
        self._files = files
        self._open: dict[int, bytes] = {}

    def handle(self, request: str) -> bytes:
        """The reply to ``vFile:`` + `request`; b"" for an operation that is not known."""
        operation, _, rest = request.partition(":")
        try:
            fields = rest.split(",")
            if operation == "setfs":
                return b"F0"
            if operation == "open":
                return self._open_file(bytes.fromhex(fields[0]).decode(), int(fields[1], 16))
            if operation in ("close", "fstat", "pread"):
                return self._on_open(operation, [int(field, 16) for field in fields])
        except (ValueError, IndexError):
            return _error(_EINVAL)
        return b"" if operation in ("readlink", "") else _error(_ENOSYS)

    def _open_file(self, name: str, flags: int) -> bytes:
        if flags & _WRITING:
            return _error(_EROFS)
        if name not in self._files:
            return _error(_ENOENT)
        number = next(n for n in range(len(self._open) + 1) if n not in self._open)
        self._open[number] = self._files[name]
        return b"F%x" % number

    def _on_open(self, operation: str, numbers: list[int]) -> bytes:
        if numbers[0] not in self._open:
            return _error(_EBADF)
        data = self._open[numbers[0]]
        if operation == "close":
            del self._open[numbers[0]]
            return b"F0"
        if operation == "fstat":
            stat = _STAT.pack(0, 0, _READABLE_FILE, 1, 0, 0, 0, len(data), 512,
                              -(-len(data) // 512), 0, 0, 0)  # fmt: skip
            return b"F%x;%b" % (len(stat), escape(stat))
        _, count, offset = numbers
        part = data[offset : offset + min(count, PACKET_SIZE // 2 - 64)]
        return b"F%x;%b" % (len(part), escape(part))


def _error(number: int) -> bytes:
    return b"F-1,%x" % number
