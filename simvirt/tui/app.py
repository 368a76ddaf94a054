"""The debugger's screen: keys become commands to the engine, snapshots become panes."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual.app import App, ComposeResult, SystemCommand
from textual.binding import BindingType
from textual.command import DiscoveryHit, Hit, Hits, Provider
from textual.containers import Container
from textual.events import Resize
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Input

from simvirt.simulation import Simulation
from simvirt.tui import paint
from simvirt.tui.engine import Command, Engine
from simvirt.tui.keys import BINDINGS, MOVES, QUESTIONS, STAY
from simvirt.tui.panes import TITLES, Keys, Pane, Sized, Status, Tabs
from simvirt.tui.report import AROUND, HELP, WIDEST, Report
from simvirt.tui.snapshot import Snapshot, Wanted

MEDIUM, WIDE, TALL = 100, 150, 36  # columns and rows from which more panes are shown at once


class Fresh(Message):
    """The engine has published a snapshot."""


@dataclass(frozen=True)
class Question:
    """What the prompt asks for, and the command that takes the answer."""

    title: str
    command: str
    channel: int = 0


class Symbols(Provider):
    """The functions of every executable, in the command palette."""

    async def search(self, query: str) -> Hits:
        """Those that match."""
        app, matcher = self.app, self.matcher(query)
        assert isinstance(app, Debugger)
        for name in app.engine.places.functions():
            for verb, words in (("goto", "look at"), ("break", "breakpoint at")):
                shown = f"{words} {name}"
                score = max(matcher.match(name), matcher.match(shown))
                if score > 0:
                    act = partial(app.send, Command(verb, text=name))
                    yield Hit(score, matcher.highlight(shown), act, help=words)
        for name, t in app.snapshot.marks if app.snapshot else ():
            shown = f"go to mark {name}"
            act = partial(app.send, Command("jump", text=name))
            if (score := matcher.match(shown)) > 0:
                yield Hit(score, matcher.highlight(shown), act, help=f"t={t:,}")

    async def discover(self) -> Hits:
        """The debugger's moves, before anything is typed."""
        app = self.app
        assert isinstance(app, Debugger)
        for name, words in MOVES.items():
            yield DiscoveryHit(words, partial(app.send, Command(name)), help=f"the move {name!r}")


class Debugger(App[int]):
    """`simvirt debug`.  Ends with 0; the engine's thread ends with it."""

    TITLE = "simvirt debug"
    CSS_PATH = "debugger.tcss"
    AUTO_FOCUS = None  # keys are moves until a question is asked
    COMMANDS: ClassVar = App.COMMANDS | {Symbols}
    BINDINGS: ClassVar[list[BindingType]] = BINDINGS

    def __init__(self, sim: Simulation, light: bool = False) -> None:
        super().__init__()
        self.engine = Engine(sim, self._publish)
        self.theme = "textual-light" if light else "textual-dark"
        self.snapshot: Snapshot | None = None
        self._status = Status(id="status")
        self._panes = {name: Pane(name) for name in TITLES}
        self._latest: Snapshot | None = None
        self._pending = False
        self._terminal: Size | None = None
        self._chosen = "code"
        self._lower = "csrs"  # of the medium layout
        self._cursor: int | None = None  # None: at pc
        self._wanted = Wanted()
        self._question: Question | None = None
        self._explained = 0
        self._went = 0

    def compose(self) -> ComposeResult:
        """Status, panes, prompt, keys."""
        yield self._status
        yield Tabs(id="tabs")
        with Container(id="panes"):
            yield from self._panes.values()
        yield Input(id="prompt", select_on_focus=False, disabled=True)
        yield Keys(id="keys")

    def on_mount(self) -> None:
        """All is there: begin."""
        self.query_one(Input).cursor_blink = False
        self.set_focus(None)
        self.engine.start()
        self._arrange()

    def on_unmount(self) -> None:
        """The screen has gone: the engine may go."""
        self.engine.close()

    # ---- layout ----------------------------------------------------------------------------------

    def on_resize(self, event: Resize) -> None:
        """Another terminal size: another layout."""
        self._terminal = event.size  # our own `size` may still be the old one
        self._arrange()

    def _arrange(self) -> None:
        width, height = self._terminal or self.size
        layout = "wide" if width >= WIDE and height >= TALL else "medium"
        layout = layout if width >= MEDIUM and height >= 20 else "narrow"
        for name in ("narrow", "medium", "wide"):
            self.screen_stack[0].set_class(name == layout, name)
        if self._chosen not in ("code", "registers"):
            self._lower = self._chosen
        for pane in self._panes.values():
            pane.set_class(pane.kind == self._chosen, "chosen")
            pane.set_class(pane.kind == self._lower, "lower")
        tabs = self.query_one(Tabs)
        tabs.chosen = self._chosen
        tabs.refresh()
        shown = {"wide": set(TITLES), "medium": {"code", "registers", self._lower},
                 "narrow": {self._chosen}}[layout]  # fmt: skip
        self._want(panes=frozenset(shown))

    def on_sized(self, _: Sized) -> None:
        """A pane shows more or less: the engine reads as much."""
        code, line = self._panes["code"].size, self._panes["timeline"].size
        log = self._panes["log"].size
        self._want(code_rows=max(code.height, 1), columns=max(line.width - 17, 10),
                   log_rows=max(log.height, 10))  # fmt: skip

    def _want(self, **changes: object) -> None:
        wanted = replace(self._wanted, **changes)  # type: ignore[arg-type]
        if wanted != self._wanted:
            self._wanted = wanted
            self.engine.want(wanted)

    @property
    def asked(self) -> tuple[str, Wanted]:
        """The chosen pane and all that the panes show."""
        return self._chosen, self._wanted

    @property
    def answered(self) -> bool:
        """Is what is shown made for what is asked for?"""
        return self.snapshot is not None and self.snapshot.wanted == self._wanted

    @property
    def settled(self) -> bool:
        """Does the machine stand, every command obeyed and its outcome shown?"""
        shown = self.snapshot
        return shown is not None and not shown.running and self.answered and (
            shown is self._latest and shown.obeyed == self.engine.sent)  # fmt: skip

    # ---- snapshots -------------------------------------------------------------------------------

    def _publish(self, snapshot: Snapshot) -> None:
        """In the engine's thread: keep the newest, and wake the screen once."""
        self._latest = snapshot
        if not self._pending:
            self._pending = True
            self.post_message(Fresh())

    def on_fresh(self, _: Fresh) -> None:
        """Show the newest snapshot."""
        self._pending = False
        self._show()
        self.call_after_refresh(self.engine.painted)

    def _show(self) -> None:
        snapshot = self._latest
        if snapshot is None or not self.screen_stack:
            return  # nothing to show, or nowhere: the debugger is closing
        moved = self.snapshot is not None and snapshot.t != self.snapshot.t
        self.snapshot = snapshot
        if moved and not snapshot.running and self._wanted.code_at is None:
            self._cursor = None
        if snapshot.went.count != self._went:
            self._went = snapshot.went.count
            self._cursor = self._cursor if snapshot.went.code is None else snapshot.went.code
            self._wanted = snapshot.went.into(self._wanted)
            self.engine.want(self._wanted)  # ours may have crossed the engine's on the way
        self._paint()
        if snapshot.explained != self._explained:
            self._explained = snapshot.explained
            self._report(
                "the last trap, explained",
                paint.explanation(snapshot.explanation, min(self.size.width, WIDEST) - AROUND),
            )

    def _paint(self) -> None:
        if self.snapshot is None:
            return
        self._status.show(self.snapshot)
        for pane in self._panes.values():
            if pane.kind in self.snapshot.wanted.panes:
                pane.show(self.snapshot, self._at_cursor())

    def _at_cursor(self) -> int | None:
        if self._cursor is None and self.snapshot is not None:
            return self.snapshot.pc
        return self._cursor

    def _report(self, title: str, text: Text) -> None:
        if isinstance(self.screen, Report):
            self.pop_screen()
        self.push_screen(Report(title, text))

    # ---- moves -----------------------------------------------------------------------------------

    def send(self, command: Command) -> None:
        """Hand a command to the engine."""
        self.engine.send(command)

    def action_move(self, name: str) -> None:
        """A move of the engine; the views follow pc again."""
        if name not in STAY:
            self._follow()
        stands = self.snapshot is not None and not self.snapshot.running
        if name == "pause" and stands and not self.engine.searching:
            name = "continue"
        self.send(Command(name))

    def action_to_cursor(self) -> None:
        """Run to the marked instruction."""
        at = self._at_cursor()
        if at is not None:
            self._follow()
            self.send(Command("to", address=at))

    def action_back_to_cursor(self) -> None:
        """Go back to where the marked instruction came last."""
        at = self._at_cursor()
        if at is not None:
            self._follow()
            self.send(Command("back_cursor", text=hex(at)))

    def action_to_pc(self) -> None:
        """Look at pc again, and at its address."""
        self._cursor = None
        self._want(code_at=None, address=None, access="", space="")

    def _follow(self) -> None:
        """Look at the code at pc again; an address that was chosen with g stays."""
        self._cursor = None
        chosen = self._wanted.access
        self._want(code_at=None, address=self._wanted.address if chosen else None)

    def action_zoom(self, factor: float) -> None:
        """Another span of the timeline."""
        span = int(min(max(self._wanted.span * factor, 100), 10**9))
        self._want(span=span)

    # ---- panes -----------------------------------------------------------------------------------

    def action_choose(self, name: str) -> None:
        """Show and mark a pane."""
        self._chosen = name
        self._arrange()

    def action_next_pane(self, by: int) -> None:
        """The pane after (or before) the chosen one."""
        names = list(TITLES)
        self.action_choose(names[(names.index(self._chosen) + by) % len(names)])

    def action_down(self, lines: int) -> None:
        """Move in the chosen pane: the cursor of the code, or what is seen of the others."""
        if self._chosen != "code":
            self._panes[self._chosen].scroll_lines(lines)
            return
        if self.snapshot is None or not self.snapshot.code:
            return
        self._move_cursor(lines, [row.address for row in self.snapshot.code])

    def _move_cursor(self, lines: int, rows: list[int]) -> None:
        at = self._at_cursor()
        index = (rows.index(at) if at in rows else 0) + lines
        self._cursor = rows[min(max(index, 0), len(rows) - 1)]
        height = self._panes["code"].size.height
        functions = sum(bool(row.function) for row in self.snapshot.code) if self.snapshot else 0
        last = height - functions - 1
        start = rows[0]
        if index > last:
            start = rows[min(index - last, len(rows) - 1)]
        elif index < 0:
            start = max(rows[0] + 4 * index, 0)
            self._cursor = start
        chosen = self._wanted.access
        self._want(code_at=start, address=self._wanted.address if chosen else self._cursor)
        self._panes["code"].show(self.snapshot, self._cursor)

    def action_other_console(self) -> None:
        """The next console."""
        pane = self._panes["console"]
        pane.chosen += 1
        pane.show(pane.snapshot, None)
        self.action_choose("console")

    # ---- questions -------------------------------------------------------------------------------

    def action_ask_break(self) -> None:
        """Where to break: at the cursor, or at what is typed."""
        at = self._at_cursor()
        self._ask(Question("breakpoint at (address, symbol or executable:symbol)", "break"),
                  "" if at is None else hex(at))  # fmt: skip

    def action_ask_goto(self) -> None:
        """What to look at."""
        self._ask(Question("look at (address, symbol or executable:symbol)", "goto"), "")

    def action_ask(self, command: str) -> None:
        """What a move through time needs to know."""
        marks = self.snapshot.marks if command == "jump" and self.snapshot else ()
        known = ", ".join(f"{name} t={t:,}" for name, t in marks)
        title = QUESTIONS[command] + (f" ({known})" if known else "")
        self._ask(Question(title, command), marks[-1][0] if marks else "")

    def action_ask_type(self) -> None:
        """Lines for the console that is shown."""
        self.action_choose("console")
        self.call_later(self._ask_line)

    def _ask_line(self) -> None:
        consoles = self.snapshot.consoles if self.snapshot else ()
        pane = self._panes["console"]
        view = consoles[pane.chosen % len(consoles)] if consoles else None
        title = f"line for {view.title if view else 'the console'} (esc ends)"
        channel = view.channel if view else self.engine.first_channel
        self._ask(Question(title, "send", channel), "")

    def _ask(self, question: Question, value: str) -> None:
        self._question = question
        prompt = self.query_one(Input)
        prompt.border_title = prompt.placeholder = question.title
        prompt.value = value
        prompt.disabled = False
        prompt.add_class("open")
        prompt.focus()
        prompt.select_all()  # so that what is typed takes its place

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """The answer: a command; a console takes more lines."""
        question = self._question
        if question is None:
            return
        if question.command == "send":
            self.send(Command("send", address=question.channel, data=f"{event.value}\n".encode()))
            event.input.value = ""
            return
        if event.value:
            if question.command in QUESTIONS:
                self._follow()
            self.send(Command(question.command, text=event.value))
        self.action_close_prompt()

    def action_close_prompt(self) -> None:
        """Keys are moves again."""
        self._question = None
        prompt = self.query_one(Input)
        prompt.remove_class("open")
        prompt.disabled = True
        self.set_focus(None)

    def action_help(self) -> None:
        """Keys and words."""
        self._report("help", Text(HELP))

    def get_system_commands(self, screen: Screen[object]) -> Iterable[SystemCommand]:
        """Textual's own, and the moves."""
        yield from super().get_system_commands(screen)
        for name, words in MOVES.items():
            yield SystemCommand(words, f"the move {name!r}", partial(self.send, Command(name)))
