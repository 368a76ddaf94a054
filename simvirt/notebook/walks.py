"""Translations as pictures: the guest's walk and the shadow's side by side, level by level."""

from __future__ import annotations

from simvirt.notebook.markup import Picture, arrow, frame, svg, words
from simvirt.results import COLOURS, VERDICTS, Journey, Translation, WalkStep

_WIDTH, _BOX, _GAP, _TOP = 430.0, 58.0, 24.0, 46.0
_GOOD, _BAD = "#2a9d6f", "#c0392b"


def verdict(journey: Journey) -> str:
    """How the shadow table stands to the guest's: a key of `VERDICTS`."""
    return journey.verdict


def walk_picture(found: Translation, kind: str = "physical") -> Picture:
    """A walk of the running mode; `kind` names the addresses of its entries."""
    parts, height = _column(0, f"{found.access} of virtual {found.va:#x}", found, kind)
    return Picture(svg(_WIDTH + 10, height, f"page-table walk of {found.va:#x}", parts), str(found))


def journey_picture(journey: Journey) -> Picture:
    """An address of a guest all the way down, both walks side by side."""
    guest = journey.guest
    title = f"{guest.access} of GVA {guest.va:#x}"
    left, height = _column(0, "the guest's tables: GVA to GPA", guest, "GPA")
    parts, columns = [*left], 1
    if journey.shadow is not None:
        right, other = _column(_WIDTH + 30, "shadow table: GVA to HPA", journey.shadow, "HPA")
        parts, height, columns = [*left, *right], max(height, other), 2
    told = journey.verdict
    colour = _GOOD if told == "agrees" else _BAD
    names = (("GVA", guest.va), ("GPA", journey.gpa), ("HVA", journey.hva), ("HPA", journey.hpa))
    path = "  ->  ".join(f"{name} {value:#x}" for name, value in names if value is not None)
    width = _WIDTH * columns + 30 * (columns - 1) + 10
    parts += [
        words(4, height + 18, path, bold=True),
        frame(0, height + 28, width - 4, 24, colour),
        words(8, height + 44, f"{told}: {VERDICTS[told]}"),
    ]
    text = f"{journey}\n  {told}: {VERDICTS[told]}"
    return Picture(svg(width, height + 58, f"{title}, {told}", parts), text)


def _column(x: float, title: str, found: Translation, kind: str) -> tuple[list[str], float]:
    """One walk from the root down, and where it ends."""
    parts = [words(x + 4, 16, title, bold=True)]
    y = _TOP - 16
    if not found.steps:
        parts.append(words(x + 4, y + 18, found.fault or "no translation: the address itself"))
        return parts, y + 30
    for step in found.steps:
        parts += _entry(x, y, step, kind, found)
        y += _BOX + _GAP
    if found.pa is not None:
        parts.append(words(x + 70, y + 6, f"{kind} {found.pa:#x}", bold=True))
    else:
        parts.append(words(x + 70, y + 6, "fault"))
    return parts, y + 14


def _entry(x: float, y: float, step: WalkStep, kind: str, found: Translation) -> list[str]:
    index = found.va >> 12 + 9 * step.level & 511
    last = step is found.steps[-1]
    wrong = last and found.pa is None
    colour = _BAD if wrong else _GOOD if last else COLOURS["guest"]
    what = step.what if not wrong else found.fault.removeprefix("page fault: ")
    return [
        frame(x + 2, y, _WIDTH - 4, _BOX, colour, dashed=wrong),
        words(x + 10, y + 17, f"level {step.level}, entry {index} of 0..511", bold=True),
        words(x + 10, y + 34, f"at {kind} {step.address:#x} is {step.pte:#018x}"),
        words(x + 10, y + 50, what),
        arrow(x + 40, y + _BOX + 2, x + 40, y + _BOX + _GAP - 2),
    ]
