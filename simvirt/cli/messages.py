"""Messages of ours: on standard error, so that standard output holds what was asked for."""

from __future__ import annotations

import contextlib
import logging
import os
import platform
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence

import simvirt

_lock = threading.RLock()  # a message comes from a timer or a worker, too
_before: list[Callable[[], None]] = []  # ends the line that a console has open on the terminal


def say(text: str) -> None:
    """One message, each line named as ours, written at once; to whoever still listens."""
    lines = [f"simvirt: {line}".rstrip() for line in text.splitlines() or [""]]
    with _lock:
        for action in _before:
            action()
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write("\n".join(lines) + "\n")
            sys.stderr.flush()


class Warnings(logging.Handler):
    """Says what the toolchain logs, such as a compiler's warnings, each text once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._said: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """One record."""
        text = record.getMessage()
        if text not in self._said:
            self._said.add(text)
            say(text)


@contextlib.contextmanager
def line_breaker(action: Callable[[], None]) -> Iterator[None]:
    """Within this context `action` runs before every message."""
    _before.append(action)
    try:
        yield
    finally:
        _before.remove(action)


def internal_error(error: BaseException, arguments: Sequence[str]) -> None:
    """Name the error and where its details are."""
    lines = [
        f"simvirt {simvirt.__version__}, Python {platform.python_version()}, {platform.platform()}",
        f"command: simvirt {' '.join(arguments)}",
        "",
        *traceback.format_exception(error),
    ]
    where = "(the report could not be written)"
    with contextlib.suppress(OSError):
        handle, where = tempfile.mkstemp(prefix="simvirt-report-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write("\n".join(lines))
    say(f"internal error: {type(error).__name__}: {error}; this is a bug of SimVirt")
    say(f"please send the report with what you did: {where}")


class Progress:
    """Says what is being done when it takes longer than a moment."""

    def __init__(self, verb: str, quiet: bool = False, after: float = 0.4) -> None:
        self._verb, self._quiet, self._after = verb, quiet, after
        self._timer: threading.Timer | None = None

    def __call__(self, name: str) -> None:
        """The next thing has begun."""
        self.done()
        if not self._quiet:
            self._timer = threading.Timer(self._after, say, [f"{self._verb} {name} ..."])
            self._timer.daemon = True
            self._timer.start()

    def done(self) -> None:
        """All is done."""
        if self._timer is not None:
            self._timer.cancel()

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        self.done()
