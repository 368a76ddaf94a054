"""The widgets: each shows one part of the last snapshot."""

from __future__ import annotations

from rich.text import Text
from textual.binding import Binding
from textual.geometry import Size
from textual.widget import Widget

from simvirt.tui import paint
from simvirt.tui.snapshot import Snapshot

NO_BREAK = "\u00a0"
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


class Status(Widget):
    """What runs, always visible."""

    snapshot: Snapshot | None = None

    def render(self) -> Text:
        """Two lines."""
        if self.snapshot is None:
            return Text("starting ...")
        return Text("\n").join(paint.status(self.snapshot, self.size.width))


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
    """The footer: every key that the first users need, on as many lines as it takes."""

    def render(self) -> Text:
        """Key and word, never parted."""
        text = Text()
        for binding in self.app.BINDINGS:
            if isinstance(binding, Binding) and binding.show:
                text.append(f" {binding.key_display or binding.key}", style="bold #c07a00")
                text.append(f"\u00a0{binding.description.replace(' ', NO_BREAK)}")
        text.append(" ctrl+p", style="bold #c07a00").append("\u00a0palette")
        return text


class Pane(Widget):
    """Lines of a snapshot, from `offset` on; the log and the console stay at their end."""

    snapshot: Snapshot | None = None
    cursor: int | None = None
    chosen = 0

    def __init__(self, name: str) -> None:
        super().__init__(id=name, classes="pane")
        self.kind = name
        self.first = 0
        self.border_title = f"{list(TITLES).index(name) + 1} {TITLES[name]}"

    def lines(self) -> list[Text]:
        """All lines of the pane."""
        if self.snapshot is None:
            return []
        width = self.size.width
        if self.kind == "code":
            return paint.code(self.snapshot, width, self.cursor)
        if self.kind == "console":
            return paint.console(self.snapshot, width, self.chosen)
        return paint.PLAIN[self.kind](self.snapshot, width)

    def render(self) -> Text:
        """What fits."""
        lines, height = self.lines(), max(self.size.height, 1)
        head: list[Text] = []
        if self.kind == "console":
            head, lines, height = lines[:1], lines[1:], height - 1
        most = max(len(lines) - height, 0)
        self.first = min(max(self.first, 0), most)
        start = most - self.first if self.kind in ("log", "console") else self.first
        shown = [*head, *lines[start : start + height]]
        for line in shown:
            line.no_wrap = True
            line.truncate(max(self.size.width, 1), overflow="ellipsis")
        return Text("\n", no_wrap=True).join(shown)

    def scroll_lines(self, lines: int) -> None:
        """Down by some lines (up: negative)."""
        self.first += -lines if self.kind in ("log", "console") else lines
        self.refresh()

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """The layout decides."""
        return container.height
