"""HTML and SVG as text: small pieces that the displays are made of.

Everything that comes from a machine is escaped.  Text takes the page's own colour, so that
pictures are readable on light and dark pages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

MONO = "font-family:ui-monospace,Menlo,Consolas,monospace"
_CELL = "text-align:left;padding:1px 10px 1px 0"
_TEXT = "font-size:12px;" + MONO


@dataclass(frozen=True)
class Picture:
    """An SVG picture; `text` says the same in words where no picture can be shown."""

    svg: str
    text: str

    def _repr_svg_(self) -> str:
        return self.svg

    def __repr__(self) -> str:
        return self.text


@dataclass(frozen=True)
class Html:
    """A piece of HTML; `text` says the same where there is none."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def table(
    head: Sequence[str], rows: Iterable[Sequence[str]], title: str = "", bold: Iterable[int] = ()
) -> str:
    """An HTML table of escaped cells; the rows numbered in `bold` stand out."""
    chosen = set(bold)
    top = "".join(f'<th style="{_CELL}">{escape(cell)}</th>' for cell in head)
    body = "".join(_row(row, number in chosen) for number, row in enumerate(rows))
    caption = f'<caption style="text-align:left">{escape(title)}</caption>' if title else ""
    header = f"<thead><tr>{top}</tr></thead>" if head else ""
    return f'<table style="{_TEXT}">{caption}{header}<tbody>{body}</tbody></table>'


def _row(cells: Sequence[str], bold: bool) -> str:
    style = _CELL + (";font-weight:bold" if bold else "")
    return "<tr>" + "".join(f'<td style="{style}">{escape(c)}</td>' for c in cells) + "</tr>"


def plain(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """The same table as text."""
    lines = [list(head), *(list(row) for row in rows)]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in lines
    )


def block(text: str) -> str:
    """Preformatted text."""
    return f'<pre style="{_TEXT}">{escape(text)}</pre>'


# ---- SVG -----------------------------------------------------------------------------------------


def svg(width: float, height: float, title: str, parts: Iterable[str]) -> str:
    """A picture of a size in pixels; `title` is what a screen reader says."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{height:g}" '
        f'viewBox="0 0 {width:g} {height:g}" role="img" style="max-width:100%;color:inherit" '
        f'font-size="12" font-family="ui-monospace,Menlo,Consolas,monospace">'
        f"<title>{escape(title)}</title>{''.join(parts)}</svg>"
    )


def words(x: float, y: float, text: str, anchor: str = "start", bold: bool = False) -> str:
    """Text with its baseline at a point."""
    weight = ' font-weight="bold"' if bold else ""
    content = escape(text)
    return (
        f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}" fill="currentColor"{weight}'
        f' xml:space="preserve">{content}</text>'
    )


def bar(x: float, y: float, width: float, height: float, colour: str, tip: str = "") -> str:
    """A filled rectangle; `tip` appears below the mouse."""
    inside = f"<title>{escape(tip)}</title>" if tip else ""
    size = f'x="{x:.2f}" y="{y:g}" width="{width:.2f}" height="{height:g}"'
    return f'<rect {size} fill="{colour}">{inside}</rect>'


def frame(
    x: float, y: float, width: float, height: float, colour: str, dashed: bool = False
) -> str:
    """A rectangle's outline."""
    dash = ' stroke-dasharray="5 4"' if dashed else ""
    size = f'x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4"'
    return f'<rect {size} fill="none" stroke="{colour}" stroke-width="1.5"{dash}/>'


def arrow(x1: float, y1: float, x2: float, y2: float, colour: str = "currentColor") -> str:
    """A line downwards or to the right with a head at its end."""
    if x1 == x2:
        head = f"{x2 - 4:g},{y2 - 6:g} {x2 + 4:g},{y2 - 6:g} {x2:g},{y2:g}"
    else:
        head = f"{x2 - 6:g},{y2 - 4:g} {x2 - 6:g},{y2 + 4:g} {x2:g},{y2:g}"
    line = f'x1="{x1:g}" y1="{y1:g}" x2="{x2:g}" y2="{y2:g}"'
    return f'<line {line} stroke="{colour}"/><polygon points="{head}" fill="{colour}"/>'
