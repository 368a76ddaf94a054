"""Talking to a console by program: wait for text, type, look at what came."""

from __future__ import annotations

from simvirt.errors import SimVirtError
from simvirt.machine import Machine, Stop

DEFAULT_STEPS = 2 * 10**9
SHOWN = 300  # bytes of the console that a message quotes


class TextMissing(SimVirtError):
    """Text that did not come: `stop` says how the run ended, `seen` is what came instead."""

    def __init__(self, message: str, stop: Stop | None, seen: bytes) -> None:
        super().__init__(message)
        self.stop, self.seen = stop, seen
        self.exit_code = _exit_code(stop)


def _exit_code(stop: Stop | None) -> int:
    """As of a run: 4 budget used up, 3 died, 130 interrupted, 1 it is just not there."""
    codes = {"budget": 4, "stuck": 3, "no-progress": 3, "reset": 3, "interrupted": 130}
    return codes.get(stop.reason, 1) if stop is not None else 1


def quoted(data: bytes) -> str:
    """The end of what came, on one line."""
    text = data[-SHOWN:].decode("utf-8", "backslashreplace")
    return ("..." if len(data) > SHOWN else "") + repr(text)


class Talk:
    """A conversation on one console of a machine; what it wrote before `heard` does not count."""

    def __init__(self, machine: Machine, channel: int = 0, heard: int = 0) -> None:
        self._machine, self._channel = machine, channel
        self._console = machine.consoles[channel]
        self._heard = self._asked = heard
        self._found = False

    def wait_for(self, text: str | bytes, max_steps: int = DEFAULT_STEPS) -> bytes:
        """Run until the console has shown `text`; all that came since the last wait.

        The machine stands right behind the store that wrote its last byte.  Raises TextMissing
        when the run ends before.
        """
        wanted = text.encode() if isinstance(text, str) else text
        stop = self.run_until(wanted, max_steps)
        if stop is not None:
            raise self.missing(wanted, stop)
        return self.take(wanted)

    def missing(self, wanted: bytes, stop: Stop) -> TextMissing:
        """The error that says how a run ended without `wanted`."""
        seen = bytes(self._console.output[self._heard :])
        why = _REASONS.get(stop.reason, f"the run ended ({stop.reason})")
        return TextMissing(
            f"{quoted(wanted)} never came: {why}, at t={stop.t}; what came: {quoted(seen)}",
            stop,
            seen,
        )

    def take(self, wanted: bytes) -> bytes:
        """What has come up to the end of `wanted`, which has come; it counts as heard."""
        start, self._heard = self._heard, self._end(wanted)
        return bytes(self._console.output[start : self._heard])

    def run_until(self, wanted: bytes, max_steps: int) -> Stop | None:
        """Run until the console has shown `wanted`: None; else how the run ended."""
        self._heard = min(self._heard, len(self._console.output))  # after a restored snapshot
        if self._end(wanted) >= 0:
            return None
        hear = self._console.sink
        self._found = False

        def listen(byte: int) -> None:
            if hear is not None:
                hear(byte)
            output = self._console.output
            if output.endswith(wanted) and len(output) - len(wanted) >= self._heard:
                self._found = True
                self._machine.interrupt()

        self._console.sink = listen
        try:
            stop = self._machine.run(max_steps)
        finally:
            self._console.sink = hear
        return None if self._found else stop

    def _end(self, wanted: bytes) -> int:
        """Where `wanted` ends in what has not been heard yet; -1: nowhere."""
        at = self._console.output.find(wanted, self._heard)
        return at if at < 0 else at + len(wanted)

    def type(self, text: str | bytes) -> None:
        """Keys arrive at the console now."""
        self._asked = len(self._console.output)
        self._machine.send(text.encode() if isinstance(text, str) else text, self._channel)

    def expect(self, text: str | bytes) -> None:
        """Raise TextMissing unless `text` is in what came from the last `type` to the last wait."""
        wanted = text.encode() if isinstance(text, str) else text
        seen = bytes(self._console.output[min(self._asked, self._heard) : self._heard])
        if wanted not in seen:
            raise TextMissing(f"{quoted(wanted)} is not in what came: {quoted(seen)}", None, seen)


_REASONS = {
    "budget": "the budget of steps is used up",
    "finished": "the guest ended",
    "stuck": "the guest waits, and nothing can wake it",
    "no-progress": "the guest takes the same trap again and again",
    "reset": "the guest asked for a reset",
}


class Talks:
    """What `Simulation` offers of this: conversations with the consoles."""

    machine: Machine
    _talks: dict[int, Talk]

    def talk(self, vm: int | None = None) -> Talk:
        """The conversation with VM `vm`; None: with the machine's first console."""
        channel = 0 if vm is None or len(self.machine.consoles) == 1 else vm + 1
        if channel not in self._talks:
            self._talks[channel] = Talk(self.machine, channel)
        return self._talks[channel]

    def wait_for(
        self, text: str | bytes, max_steps: int = DEFAULT_STEPS, vm: int | None = None
    ) -> bytes:
        """Run until a console has shown `text`; all that came since the last wait.

        Raises TextMissing when it does not come within `max_steps`.
        """
        return self.talk(vm).wait_for(text, max_steps)

    def type(self, text: str | bytes, vm: int | None = None) -> None:
        """Keys arrive at a console now."""
        self.talk(vm).type(text)

    def expect(self, text: str | bytes, vm: int | None = None) -> None:
        """Raise TextMissing unless `text` came between the last `type` and the last `wait_for`."""
        self.talk(vm).expect(text)
