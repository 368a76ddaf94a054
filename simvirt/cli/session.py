"""Running a machine with its consoles attached.

The machine runs in a thread of its own (the kernel releases the interpreter lock); the main thread
moves console bytes both ways and hears Ctrl-C, whose handler makes the machine come out.
"""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from types import FrameType

from simvirt.board import STEPS_PER_TICK, TIMEBASE
from simvirt.cli.keyboard import Source
from simvirt.cli.keys import HELP, Keys
from simvirt.cli.messages import line_breaker, say
from simvirt.cli.output import Output
from simvirt.machine import Machine, Stop

POLL = 0.02  # seconds between two looks at the consoles
PATIENCE = 0.12  # seconds that a machine has to come out when it is told to
STEPS_PER_SECOND = STEPS_PER_TICK * TIMEBASE  # while it waits


class Session:
    """One run.  `channels`: consoles that keys may go to, (index, name), the first one active."""

    def __init__(
        self,
        machine: Machine,
        run: Callable[[int], Stop],
        output: Output,
        channels: list[tuple[int, str]],
    ) -> None:
        self._machine, self._run, self._output = machine, run, output
        self._channels = channels
        self._keys = Keys()
        self._lock = threading.Lock()
        self._arrived: list[tuple[int, bytes]] = []
        self._wake = threading.Event()  # input has come, or the machine shall end
        self._done = threading.Event()
        self._ending = ""
        self._stop: Stop | None = None
        self._error: BaseException | None = None
        self.abandoned = False  # the thread is still at work: the process must end by itself

    # ---- the machine's thread ------------------------------------------------------------------

    def _work(self, budget: int) -> None:
        try:
            self._stop = self._run_all(budget)
        except BaseException as error:  # noqa: BLE001  (raised again in the main thread)
            self._error = error
        finally:
            self._done.set()

    def _run_all(self, budget: int) -> Stop:
        end = self._machine.state.mach("t") + budget
        while True:
            self._deliver()
            t = self._machine.state.mach("t")
            if self._ending:
                return Stop(self._ending, t)
            stop = self._run(end - t)
            if stop.reason == "waiting":  # also when input has cut a pause short
                self._wake.wait()
            elif stop.reason != "interrupted":
                return stop

    def _deliver(self) -> None:
        with self._lock:
            arrived, self._arrived = self._arrived, []
            self._wake.clear()
        for channel, data in arrived:
            self._machine.send(data, channel)

    def _pace(self, steps: int) -> int:
        """Sleep as long as the machine's clock would need; less when there is input."""
        start = time.monotonic()
        if not self._wake.wait(steps / STEPS_PER_SECOND):
            return steps
        return min(steps, int((time.monotonic() - start) * STEPS_PER_SECOND))

    # ---- the main thread -----------------------------------------------------------------------

    def run(self, budget: int, source: Source, live: bool, more: bool) -> Stop:
        """Run until the machine ends or the budget is used up.

        `live`: keys of a terminal, idle time is paced; `more`: input may still come.
        """
        self._machine.live_input = more
        self._machine.pace = self._pace if live else None
        thread = threading.Thread(target=self._work, args=(budget,), daemon=True)
        with self._signals(), line_breaker(self._output.break_line):
            thread.start()
            try:
                self._serve(source, live, more)
            finally:
                self._ending = self._ending or "interrupted"
                self._poke()
                self.abandoned = not self._done.wait(PATIENCE)
        self._output.finish()
        return self._result()

    def _result(self) -> Stop:
        if self._error is not None:
            raise self._error
        if self._stop is None:
            return Stop("interrupted", self._machine.state.mach("t"))
        return self._stop

    def _serve(self, source: Source, live: bool, more: bool) -> None:
        while not self._done.is_set():
            self._output.drain()
            if self._ending:
                return
            if not more:
                self._done.wait(POLL)
                continue
            try:
                data = source.poll(POLL)
            except KeyboardInterrupt:
                self.end("interrupted")
                continue
            if data is None:
                more = self._machine.live_input = False
                self._poke()
            elif data:
                self._typed(data, live)

    def _typed(self, data: bytes, live: bool) -> None:
        for action, sent in self._keys.feed(data) if live else [("send", data)]:
            if action == "send":
                self._send(sent)
            elif action == "quit":
                self.end("quit")
            elif action == "switch":
                self._channels.append(self._channels.pop(0))
                say(f"keys go to {self._channels[0][1]}")
            else:
                say(HELP)

    def _send(self, data: bytes) -> None:
        with self._lock:
            self._arrived.append((self._channels[0][0], data))
        self._poke()

    def _poke(self) -> None:
        self._wake.set()
        self._machine.interrupt()

    def end(self, reason: str) -> None:
        """Make the machine come out for good; the first reason given counts.

        Called by signal handlers: it takes no lock, the main loop wakes a waiting machine.
        """
        self._ending = self._ending or reason
        self._machine.interrupt()

    @staticmethod
    def _ignored(name: str) -> bool:
        """Was the process started so that it does not hear this signal, as nohup does?"""
        return signal.getsignal(getattr(signal, name)) is signal.SIG_IGN

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Ctrl-C and a polite kill end the machine (handlers exist in the main thread only)."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return

        def handler(_number: int, _frame: FrameType | None) -> None:
            self.end("interrupted")

        names = [name for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
        names = [name for name in names if not self._ignored(name)]
        saved = {name: signal.signal(getattr(signal, name), handler) for name in names}
        try:
            yield
        finally:
            for name, old in saved.items():
                signal.signal(getattr(signal, name), old)
