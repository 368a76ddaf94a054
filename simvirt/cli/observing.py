"""The files that a run leaves for other tools: `--events` and `--trace`."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from simvirt.errors import InputError
from simvirt.observe.files import EventWriter, event_writer
from simvirt.observe.perfetto import TraceFile
from simvirt.virt.stacks import Stack

Writer = EventWriter | TraceFile


class Observers:
    """What listens to a machine and writes.  Call `finish` however the run ends."""

    def __init__(self, options: argparse.Namespace, stack: Stack) -> None:
        """Raises InputError when a file cannot be written."""
        self._machine = stack.machine
        self._writers: list[tuple[Path, Writer]] = []
        if options.trace is not None and options.gdb is not None:
            raise InputError("--trace needs time that only goes on, and gdb can go back: "
                             "leave one of --trace and --gdb out")  # fmt: skip
        try:
            if options.events is not None:
                writer = self._open(options.events, event_writer)
                stack.machine.listeners.append(writer)
            if options.trace is not None:
                self._open(options.trace, lambda path: TraceFile.attach(stack, path))
        except BaseException:
            self._discard()
            raise

    def _open(self, path: Path, make: Callable[[Path], Writer]) -> Writer:
        try:
            writer = make(path)
        except OSError as error:
            raise InputError(
                f"{path}: cannot be written: {error.strerror}; choose another"
            ) from None
        self._writers.append((path, writer))
        return writer

    def finish(self, abandoned: bool) -> None:
        """Complete the files; `abandoned`: the machine still runs, and nothing can be.

        Raises InputError when one cannot be written.
        """
        if abandoned:
            self._discard()
            return
        self._machine.flush_events()
        failed = []
        for path, writer in self._writers:
            try:
                writer.close()
            except OSError as error:
                failed.append(f"{path}: cannot be written: {error.strerror}; choose another")
        if failed:
            raise InputError("\n".join(failed))

    def _discard(self) -> None:
        for _, writer in self._writers:
            writer.discard()
