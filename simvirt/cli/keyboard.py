"""Where console input comes from: a terminal in raw mode, or a stream such as a pipe.

Every source has `poll(seconds)`: the bytes that have come, waiting at most that long; None once
no more can come.
"""

from __future__ import annotations

import contextlib
import os
import queue
import sys
import threading
import time
from collections.abc import Iterator
from typing import Protocol

from simvirt.errors import InputError

MAX_INPUT = 16 << 20
OPEN_PIPE = 1.0  # seconds of silence after which we no longer wait for a stream's end


class Source(Protocol):
    """A source of input."""

    def poll(self, seconds: float) -> bytes | None:
        """The bytes that have come within `seconds`; None: there will be no more."""


class Nothing:
    """No input at all."""

    def poll(self, seconds: float) -> bytes | None:
        """Never anything."""
        time.sleep(seconds)
        return None


class Stream:
    """Bytes of a file descriptor that is no terminal, read in a thread of its own."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._queue: queue.Queue[bytes] = queue.Queue(maxsize=64)
        self._ended = False
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        data = b"?"
        while data:
            try:
                data = os.read(self._descriptor, 1 << 16)
            except OSError:  # for example the background of a terminal: no input
                data = b""
            self._queue.put(data)

    def poll(self, seconds: float) -> bytes | None:
        """The next piece."""
        if self._ended:
            time.sleep(seconds)
            return None
        try:
            data = self._queue.get(timeout=seconds)
        except queue.Empty:
            return b""
        self._ended = not data
        return data or None

    def first(self) -> tuple[bytes, bool]:
        """What is there before the machine starts, and whether that is all.

        Raises InputError when it is too much.
        """
        data = b""
        while len(data) <= MAX_INPUT:
            piece = self.poll(OPEN_PIPE)
            if piece is None:
                return data, True
            if not piece:
                return data, False
            data += piece
        raise InputError(f"standard input: more than {MAX_INPUT} bytes; give less")


class PosixTerminal:
    """The terminal's keys, one by one and not echoed.  Ctrl-C stays a signal."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def poll(self, seconds: float) -> bytes | None:
        """Keys pressed."""
        import select

        ready, _, _ = select.select([self._descriptor], [], [], seconds)
        if not ready:
            return b""
        try:
            return os.read(self._descriptor, 1024) or None
        except OSError:  # the terminal has gone
            return None


@contextlib.contextmanager
def _posix_terminal(descriptor: int) -> Iterator[Source]:
    import termios

    saved = termios.tcgetattr(descriptor)
    raw = termios.tcgetattr(descriptor)
    raw[0] &= ~(termios.IXON | termios.ICRNL | termios.INLCR | termios.IGNCR | termios.ISTRIP)
    raw[3] &= ~(termios.ECHO | termios.ICANON | termios.IEXTEN)
    disabled = os.fpathconf(descriptor, "PC_VDISABLE").to_bytes(1, "little")
    for key in (termios.VQUIT, termios.VSUSP):  # these keys are the guest's
        raw[6][key] = disabled
    raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
    termios.tcsetattr(descriptor, termios.TCSADRAIN, raw)
    try:
        yield PosixTerminal(descriptor)
    finally:
        termios.tcsetattr(descriptor, termios.TCSADRAIN, saved)


class WindowsTerminal:
    """The same on Windows' console."""

    def poll(self, seconds: float) -> bytes | None:
        """Keys pressed."""
        import msvcrt

        end = time.monotonic() + seconds
        while not msvcrt.kbhit():  # type: ignore[attr-defined,unused-ignore]
            if time.monotonic() >= end:
                return b""
            time.sleep(0.01)
        key = msvcrt.getwch()  # type: ignore[attr-defined,unused-ignore]
        if key == "\x03":
            raise KeyboardInterrupt
        return str(key).encode("utf-8", "replace")


def interactive() -> bool:
    """Is standard input a terminal that is ours to read?"""
    try:
        descriptor = sys.stdin.fileno()
        if not os.isatty(descriptor):
            return False
        return os.name == "nt" or os.tcgetpgrp(descriptor) == os.getpgrp()
    except (OSError, ValueError, AttributeError):
        return False


@contextlib.contextmanager
def terminal() -> Iterator[Source]:
    """The interactive terminal, set up and restored afterwards."""
    if os.name == "nt":
        yield WindowsTerminal()
    else:
        with _posix_terminal(sys.stdin.fileno()) as source:
            yield source


def stream() -> Stream | None:
    """Standard input when it is no terminal; None when there is none."""
    try:
        descriptor = sys.stdin.fileno()
    except (OSError, ValueError, AttributeError):
        return None
    return None if os.isatty(descriptor) else Stream(descriptor)
