"""Bar charts and timelines as SVG; nothing but text is needed to draw them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import log10

from simvirt.notebook.markup import Picture, arrow, bar, plain, svg, words
from simvirt.results import COLOURS, Stretch, VmAccount

SERIES = ("#6a8caf", "#c2569b", "#e69f00", "#2a9d6f", "#8a8f98", "#d55e00")
PLACEMENT_COLOURS = {"bare": "#6a8caf", "hypervisor": "#c2569b", "hosted": "#e69f00"}
_LEFT, _PLOT, _RIGHT, _BAR = 150.0, 520.0, 110.0, 14.0
Series = Mapping[str, Mapping[str, float]]


def bars(
    series: Series,
    title: str,
    unit: str = "",
    log: bool = False,
    colours: Mapping[str, str] | None = None,
) -> Picture:
    """Horizontal bars: `series[name][group]`, one bar a series in each group.

    `log` draws lengths on a logarithmic scale from 1 (values below 1 get no length).
    """
    groups = list(dict.fromkeys(group for values in series.values() for group in values))
    top = max((v for values in series.values() for v in values.values()), default=0.0)
    chosen = colours or {**dict(zip(series, SERIES * 3, strict=False)), **PLACEMENT_COLOURS}
    parts, y = _legend(series, title, unit, log, chosen)
    for group in groups:
        height = _BAR * len(series)
        parts.append(words(_LEFT - 8, y + height / 2 + 4, group, "end"))
        for name, values in series.items():
            if group in values:
                parts += _bar(y, values[group], top, log, chosen[name], f"{name}, {group}", unit)
            y += _BAR
        y += 8
    return Picture(svg(_LEFT + _PLOT + _RIGHT, y + 4, title, parts), _text(series, groups, title))


def _legend(
    series: Series, title: str, unit: str, log: bool, colours: Mapping[str, str]
) -> tuple[list[str], float]:
    note = ", ".join(word for word in (unit, "logarithmic scale" if log else "") if word)
    parts = [words(4, 16, f"{title} ({note})" if note else title, bold=True)]
    x = _LEFT
    for name in series:
        parts += [bar(x, 26, 12, 12, colours[name]), words(x + 17, 36, name)]
        x += 45 + 7.5 * len(name)
    return parts, 50.0


def _bar(
    y: float, value: float, top: float, log: bool, colour: str, what: str, unit: str
) -> list[str]:
    if log:
        part = log10(max(value, 1)) / log10(top) if top > 1 else 0.0
    else:
        part = value / top if top else 0.0
    told = number(value)
    return [
        bar(_LEFT, y, _PLOT * part, _BAR - 2, colour, f"{what}: {told} {unit}".rstrip()),
        words(_LEFT + _PLOT * part + 5, y + _BAR - 4, told),
    ]


def number(value: float) -> str:
    """A figure as the comparison prints it: whole with commas, else two places."""
    whole = value == int(value)
    return f"{int(value):,}" if whole else f"{value:,.2f}" if value < 1000 else f"{value:,.0f}"


def _text(series: Series, groups: Sequence[str], title: str) -> str:
    rows = [
        [group, *(number(values[group]) if group in values else "-" for values in series.values())]
        for group in groups
    ]
    return plain([title, *series], rows)


def exits_chart(accounts: Mapping[str, VmAccount], what: str = "cycles") -> Picture:
    """Exits of a VM by reason, one series for each account.

    `what`: "count", "instructions", "cycles", or "cycles each".  Raises ValueError otherwise.
    """
    if what not in ("count", "instructions", "cycles", "cycles each"):
        raise ValueError(f"no figure {what!r}: count, instructions, cycles or cycles each")
    series = {
        name: {
            reason: cost.cycles / cost.count if what == "cycles each" else getattr(cost, what)
            for reason, cost in account.exits.items()
        }
        for name, account in accounts.items()
    }
    return bars(series, f"VM exits by reason: {what}", log=what != "cycles each")


def timeline(stretches: Sequence[Stretch], title: str = "who ran", width: float = 780) -> Picture:
    """A lane for each layer, time to the right in steps; darker is nothing but a layer's colour."""
    if not stretches:
        return Picture(svg(width, 30, title, [words(4, 16, f"{title}: nothing ran")]), title)
    lanes = list(dict.fromkeys(s.who for s in stretches))
    lanes.sort(key=lambda who: list(COLOURS).index(who.split(",")[0]))
    first, last = stretches[0].start, stretches[-1].end
    left, plot, y = 160.0, width - 170.0, 0.0
    scale = plot / max(last - first, 1)
    parts = [words(4, 16, title, bold=True)]
    for i, who in enumerate(lanes):
        parts.append(words(left - 8, 42 + 24 * i, who, "end"))
    for s in stretches:
        x, y = left + (s.start - first) * scale, 28 + 24 * lanes.index(s.who)
        tip = f"{s.who}: t={s.start} to {s.end}, {s.cycles} cycles; {s.why}"
        parts.append(bar(x, y, max((s.end - s.start) * scale, 0.6), 18, COLOURS[s.layer], tip))
    y = 34.0 + 24 * len(lanes)
    parts += [
        arrow(left, y, left + plot, y),
        words(left, y + 16, f"t={first:,}"),
        words(left + plot, y + 16, f"t={last:,}", "end"),
    ]
    return Picture(svg(width, y + 24, title, parts), f"{title}\n{stretch_text(stretches)}")


def stretch_rows(stretches: Sequence[Stretch]) -> tuple[list[str], list[list[str]]]:
    """Head and rows of a table of stretches."""
    head = ["who", "from t", "to t", "instructions", "cycles", "because of"]
    rows = [
        [s.who, str(s.start), str(s.end), number(s.instructions), number(s.cycles), s.why]
        for s in stretches
    ]
    return head, rows


def stretch_text(stretches: Sequence[Stretch]) -> str:
    """The stretches as a table of text."""
    return plain(*stretch_rows(stretches))
