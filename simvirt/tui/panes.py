"""The widgets: each shows one part of the last snapshot."""

from __future__ import annotations

from collections.abc import Callable

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip
from textual.widget import Widget

from simvirt.tui import paint
from simvirt.tui.snapshot import Snapshot

FOOTER = 2  # lines, as debugger.tcss has it
ALWAYS = ("question_mark", "q")  # in the footer, however narrow it is
TITLES = {
    "code": "code",
    "registers": "registers",
    "csrs": "CSRs",
    "address": "address",
    "log": "traps and exits",
    "counts": "counts and costs",
    "timeline": "who ran",
    "console": "console",
}


class Lines(Widget):
    """Lines of text; a line is painted again only when it has changed."""

    def __init__(self, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._texts: list[Text] = []
        self._strips: dict[int, Strip] = {}
        self._base: Style | None = None  # colours of the theme; Textual's own cache is short-lived

    def notify_style_update(self) -> None:
        """Another theme, or another class."""
        self._base = None
        super().notify_style_update()

    def put(self, texts: list[Text]) -> None:
        """Show these lines; those that do not fit the width are cut with an ellipsis."""
        width = max(self.size.width, 1)
        old, self._texts = self._texts, texts
        changed = [y for y in range(max(len(old), len(texts))) if _line(old, y) != _line(texts, y)]
        for y in changed:
            self._strips.pop(y, None)
        if changed:
            self.refresh(*(Region(0, y, width, 1) for y in changed))

    def render(self) -> Text:
        """All lines as one text."""
        return Text("\n").join(self._texts)

    def render_line(self, y: int) -> Strip:
        """One line in the colours of the theme."""
        width = self.size.width
        strip = self._strips.get(y)
        if strip is None or strip.cell_length != width:
            strip = Strip(self._segments(y, width)).adjust_cell_length(width)
            self._strips[y] = strip
        if self._base is None:
            self._base = self.rich_style
        return strip.apply_style(self._base)

    def _segments(self, y: int, width: int) -> list[Segment]:
        if y >= len(self._texts):
            return []
        text = self._texts[y].copy()
        text.truncate(max(width, 1), overflow="ellipsis")
        console = self.app.console
        base = console.get_style(text.style)  # which rich leaves out of a text without spans
        return list(Segment.apply_style(text.render(console), base))


def _line(texts: list[Text], y: int) -> Text | None:
    return texts[y] if y < len(texts) else None


class Status(Lines):
    """What runs, always visible: two lines."""

    snapshot: Snapshot | None = None

    def show(self, snapshot: Snapshot) -> None:
        """Show another snapshot."""
        self.snapshot = snapshot
        self.put(paint.status(snapshot, self.size.width))

    def on_mount(self) -> None:
        """Before the first snapshot."""
        self.put([Text("starting ...")])

    def on_resize(self) -> None:
        """What fits depends on the width."""
        if self.snapshot is not None:
            self.show(self.snapshot)


class Tabs(Widget):
    """The names of the panes with their digits; the chosen one marked."""

    chosen = "code"

    def render(self) -> Text:
        """One line."""
        line = Text(no_wrap=True)
        short = self.size.width < 100
        for i, (name, title) in enumerate(TITLES.items(), 1):
            label = name[:8] if short else title
            line.append(f" {i} {label} " if not short else f"{i} {label} ",
                        style="reverse bold" if name == self.chosen else "")  # fmt: skip
        return line


class Keys(Widget):
    """The footer: the most important keys, as many as fit, and the one that names all."""

    def render(self) -> Text:
        """Key and word, never parted."""
        bindings = [b for b in self.app.BINDINGS if isinstance(b, Binding) and b.show]
        first = [_key(b) for b in bindings if b.key not in ALWAYS]
        last = [*(_key(b) for b in bindings if b.key in ALWAYS), _part("ctrl+p", "palette")]
        width = self.app.size.width
        lines = _packed([*first, *last], width)
        while len(lines) > FOOTER and first:
            first.pop()
            lines = _packed([*first, *last], width)
        return Text("\n", no_wrap=True).join(lines)


def _key(binding: Binding) -> Text:
    return _part(binding.key_display or binding.key, binding.description)


def _part(key: str, word: str) -> Text:
    return Text.assemble((f" {key}", "bold #c07a00"), f" {word}")


def _packed(parts: list[Text], width: int) -> list[Text]:
    lines = [Text()]
    for part in parts:
        if lines[-1] and lines[-1].cell_len + part.cell_len > width:
            lines.append(Text())
        lines[-1].append_text(part)
    return lines


class Sized(Message):
    """A pane has another size."""


class Pane(Lines):
    """Lines of a snapshot, from `first` on; the log and the console stay at their end."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name, classes="pane")
        self.kind = name
        self.first = 0
        self.chosen = 0
        self.snapshot: Snapshot | None = None
        self.cursor: int | None = None
        self._shown: object = None  # what the lines were made of
        self.border_title = f"{list(TITLES).index(name) + 1} {TITLES[name]}"

    def show(self, snapshot: Snapshot | None, cursor: int | None) -> None:
        """Show the part of a snapshot that is the pane's; nothing happens if it is the same."""
        self.snapshot, self.cursor = snapshot, cursor
        if snapshot is None:
            return
        shown = (_content(self.kind, snapshot), self.size, self.chosen,
                 cursor if self.kind == "code" else None)  # fmt: skip
        if (shown, self.first) != self._shown:
            self.put(self._visible(self._all(snapshot)))
            self._shown = shown, self.first  # which may have been too large

    def on_resize(self) -> None:
        """Another size shows more or less."""
        self.show(self.snapshot, self.cursor)
        self.post_message(Sized())

    def _all(self, snapshot: Snapshot) -> list[Text]:
        width = self.size.width
        if self.kind == "code":
            return paint.code(snapshot, width, self.cursor)
        if self.kind == "console":
            return paint.console(snapshot, width, self.chosen)
        return paint.PLAIN[self.kind](snapshot, width)

    def _visible(self, lines: list[Text]) -> list[Text]:
        height = max(self.size.height, 1)
        head: list[Text] = []
        if self.kind == "console":
            head, lines, height = lines[:1], lines[1:], height - 1
        most = max(len(lines) - height, 0)
        self.first = min(max(self.first, 0), most)
        start = most - self.first if self.kind in ("log", "console") else self.first
        return [*head, *lines[start : start + height]]

    def scroll_lines(self, lines: int) -> None:
        """Down by some lines (up: negative)."""
        self.first += -lines if self.kind in ("log", "console") else lines
        self.show(self.snapshot, self.cursor)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The layout decides."""
        return container.height


def _content(kind: str, s: Snapshot) -> object:
    """All of a snapshot that a pane's lines are made of."""
    parts: dict[str, Callable[[], object]] = {
        "code": lambda: (s.code, s.where.layer),
        "registers": lambda: (s.registers, s.pc, s.place),
        "counts": lambda: (s.exits, s.traps),
        "timeline": lambda: (s.timeline, s.timeline_from, s.t),
        "console": lambda: s.consoles,
    }
    return parts[kind]() if kind in parts else getattr(s, kind)
