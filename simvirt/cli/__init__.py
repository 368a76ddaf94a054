"""The command line.  Nothing heavy is imported before the command that needs it is known."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from simvirt.cli.messages import Warnings, internal_error, say
from simvirt.cli.parser import parse
from simvirt.errors import SimVirtError

INTERRUPTED = 130  # 128 + SIGINT, as shells report it
PIPE_CLOSED = 141  # 128 + SIGPIPE


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code.  No exception leaves it."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, ValueError):
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    logger = logging.getLogger("simvirt")
    logger.handlers = [Warnings()]
    logger.propagate = False
    code = guarded(lambda: _command(arguments), arguments)
    if argv is None and code == INTERRUPTED:
        _leave(code)
    return code


def _leave(code: int) -> NoReturn:
    """End the process at once: all is written, and threads may still be at work."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(code)


def _command(arguments: list[str]) -> int:
    try:
        command, options = parse(arguments)
    except SystemExit as end:  # argparse has printed help or what is wrong
        return end.code if isinstance(end.code, int) else 2
    code = command(options)
    sys.stdout.flush()
    return code


def guarded(action: Callable[[], int], arguments: Sequence[str]) -> int:
    """Run an action; turn whatever goes wrong into a message and an exit code."""
    try:
        return action()
    except KeyboardInterrupt:
        say("interrupted")
        return INTERRUPTED
    except BrokenPipeError:
        _forget_stdout()
        return PIPE_CLOSED
    except Exception as error:  # noqa: BLE001  (a user never sees a traceback)
        return report(error, arguments)


def report(error: BaseException, arguments: Sequence[str]) -> int:
    """Say what went wrong; the exit code for it."""
    if isinstance(error, SimVirtError):
        say(str(error))
        return error.exit_code
    if isinstance(error, MemoryError):
        say("not enough memory on this computer; use a smaller --mem or fewer --vms")
        return 2
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        say(f"{where}{error.strerror}; the operating system refused; see `simvirt doctor`")
        return 2
    if isinstance(error, ModuleNotFoundError):
        say(f"the package {error.name} is missing; install SimVirt again, see `simvirt doctor`")
        return 2
    internal_error(error, arguments)
    return 5


def _forget_stdout() -> None:
    """The reader of our output has gone: let the interpreter's last flush go nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
