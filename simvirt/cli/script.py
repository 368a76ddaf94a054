"""``--input-script``: a file that waits for text on the console, types, and looks at the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from simvirt.cli.loading import whole_number
from simvirt.errors import InputError
from simvirt.machine import Machine, Stop
from simvirt.talk import DEFAULT_STEPS, Talk, TextMissing

MAX_SIZE = 1 << 20
VERBS = ("wait", "type", "expect", "steps", "end")


@dataclass(frozen=True)
class Line:
    """One command of a script: the line it stands on, its verb, a text or a number."""

    number: int
    verb: str
    text: str = ""
    steps: int = 0


def read_script(path: Path, most: int) -> list[Line]:
    """The commands in a file.  Raises InputError that names the line."""
    try:
        if path.is_dir():
            raise InputError(f"{path}: a folder, not an input script")
        if path.stat().st_size > MAX_SIZE:
            raise InputError(f"{path}: more than {MAX_SIZE} bytes; is it an input script?")
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: no such input script; check the name") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not text (UTF-8) at byte {error.start}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path}: cannot be read: {reason}") from None
    lines = [
        _parse(f"{path}:{number}", number, line.strip(), most)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#")
    ]
    if not lines:
        raise InputError(f'{path}: no command; write for example: wait "$ "')
    return lines


def _parse(where: str, number: int, line: str, most: int) -> Line:
    verb, _, rest = line.partition(" ")
    rest = rest.strip()
    if verb not in VERBS:
        raise InputError(f"{where}: no command {verb!r}; use {', '.join(VERBS)}, or # to comment")
    if verb == "end":
        if rest:
            raise InputError(f"{where}: `end` stands alone")
        return Line(number, verb)
    if verb == "steps":
        return Line(number, verb, steps=whole_number(f"{where}: steps", rest, most))
    return Line(number, verb, _text(where, verb, rest))


def _text(where: str, verb: str, rest: str) -> str:
    try:
        text = json.loads(rest)
    except ValueError:
        text = None
    if not isinstance(text, str) or not text:
        raise InputError(
            f'{where}: after `{verb}` comes text in quotes, such as "ls\\n" '
            r"(\n new line, \t tab, \" quote, \\ backslash, \u0003 Ctrl-C)"
        )
    return text


class Player:
    """Plays a script on a machine's console; `run` has the shape of the machine's own.

    `missing` is the message when text did not come, `code` the exit code that goes with it.
    """

    def __init__(self, machine: Machine, lines: list[Line], where: str, channel: int = 0) -> None:
        self._machine, self._lines, self._where = machine, lines, where
        self._talk = Talk(machine, channel, heard=len(machine.consoles[channel].output))
        self._next = 0
        self._steps = DEFAULT_STEPS
        self._waited = 0  # steps of the present wait, which may be interrupted
        self.missing, self.code = "", 0

    def run(self, max_steps: int) -> Stop:
        """Play on, at most `max_steps` steps; reason "script" when no more is to be played."""
        end = self._now() + max_steps
        while self._next < len(self._lines) and not self.missing:
            stop = self._play(self._lines[self._next], end - self._now())
            if stop is not None:
                return stop
            self._next += 1
            self._waited = 0
        return Stop("script", self._now())

    def _now(self) -> int:
        return self._machine.state.mach("t")

    def _play(self, line: Line, left: int) -> Stop | None:
        if line.verb == "steps":
            self._steps = line.steps
        elif line.verb == "type":
            self._talk.type(line.text)
        elif line.verb == "end":
            return self._machine.run(left)
        elif line.verb == "wait":
            return self._wait(line, left)
        else:
            self._expect(line)
        return None

    def _expect(self, line: Line) -> None:
        try:
            self._talk.expect(line.text)
        except TextMissing as missing:
            self._fail(line, missing)

    def _wait(self, line: Line, left: int) -> Stop | None:
        wanted, before = line.text.encode(), self._now()
        own = self._steps - self._waited
        stop = self._talk.run_until(wanted, min(own, left))
        self._waited += self._now() - before
        if stop is None:
            self._talk.take(wanted)
            return None
        if stop.reason in ("interrupted", "waiting"):  # the session decides, and may call again
            return stop
        self._fail(line, self._talk.missing(wanted, stop))
        own_budget = stop.reason == "budget" and own <= left
        return Stop("script", stop.t) if own_budget else stop

    def _fail(self, line: Line, missing: TextMissing) -> None:
        self.missing = f"{self._where}:{line.number}: {line.verb}: {missing}"
        self.code = missing.exit_code
