"""The comparison as text and as JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap

from simvirt.cache import write_atomically
from simvirt.errors import InputError
from simvirt.toolchain import changes_json
from simvirt.virt.compare.claims import rows
from simvirt.virt.compare.facts import Measure, Row
from simvirt.virt.compare.results import VIRTUAL, ComparisonOptions, Results, gather
from simvirt.virt.compare.runs import Run, sha256
from simvirt.virt.stacks import PLACEMENTS

SCHEMA = "simvirt/compare/1"
WIDTH = 100
Json = dict[str, object]


@dataclass(frozen=True)
class Comparison:
    """Six measured rows, and the runs that they come from."""

    results: Results
    rows: tuple[Row, ...]

    def text(self) -> str:
        """The whole comparison for a reader, at most 100 columns wide."""
        return "\n".join(line.rstrip() for line in self._lines()) + "\n"

    def to_json(self) -> Json:
        """The comparison as the schema "simvirt/compare/1" has it."""
        runs = self.results.alone
        return {
            "schema": SCHEMA,
            "guest": {"name": self.results.guest.name, "sha256": self.results.guest.image.sha256},
            **changes_json(self.results.changes),
            "core_sha256": {p: runs[p].objects["vmm-core"] for p in VIRTUAL},
            "devices_sha256": {p: runs[p].objects["vmm-devices"] for p in VIRTUAL},
            "placements": {p: _placement_json(runs[p]) for p in PLACEMENTS},
            "rows": [_row_json(row) for row in self.rows],
        }

    def write_json(self, path: Path) -> None:
        """Write the JSON file whole or not at all.  Raises InputError when it cannot be written."""
        data = json.dumps(self.to_json(), indent=2).encode() + b"\n"
        try:
            write_atomically(path, data)
        except OSError as error:
            raise InputError(
                f"{path}: cannot be written: {error.strerror}; choose another file"
            ) from None

    def _lines(self) -> Iterator[str]:
        yield from _head(self.results)
        for number, row in enumerate(self.rows, 1):
            yield ""
            yield from _row_lines(number, row)
        yield ""
        yield from _faults_lines(self.results)
        yield from _origins(self.rows)
        yield from _model(self.results)


def run_comparison(
    options: ComparisonOptions | None = None, progress: Callable[[str], None] | None = None
) -> Comparison:
    """Build, boot and measure everything.  Raises SimVirtError when there is nothing to compare."""
    results = gather(options or ComparisonOptions(), progress or (lambda _: None))
    return Comparison(results, rows(results))


# ---- JSON ----------------------------------------------------------------------------------------


def _placement_json(run: Run) -> Json:
    total = run.account.total
    return {
        "instructions": total.instructions,
        "cycles": total.cycles,
        "console_sha256": sha256(run.consoles[0]),
        "exits": {
            name: {"count": e.count, "instructions": e.instructions, "cycles": e.cycles}
            for name, e in run.account.vms[0].exits.items()
        },
        "workloads": {
            name: {"instructions": w.instructions, "cycles": w.cycles, "exits": w.exits}
            for name, w in run.windows.get(0, {}).items()
        },
    }


def _row_json(row: Row) -> Json:
    return {
        "id": row.id,
        "title": row.title,
        "claim": row.claim,
        "verdict": row.verdict,
        "rule": row.rule.text,
        "measures": [
            {"name": m.name, "unit": m.unit, "how": m.how, "values": dict(m.values)}
            for m in row.measures
        ],
    }


# ---- text ----------------------------------------------------------------------------------------


def _wrapped(label: str, text: str, column: int = 10) -> list[str]:
    first, indent = f"{label:<{column}}", " " * column
    return wrap(text, WIDTH, initial_indent=first, subsequent_indent=indent)


def _head(results: Results) -> Iterator[str]:
    guest, runs = results.guest, results.alone
    yield f"One guest, {guest.name}, in three placements"
    yield ""
    yield f"{'guest':<12}{guest.name}, the same image in all (sha256 {guest.image.sha256[:16]}...)"
    objects = runs[VIRTUAL[0]].objects
    for name in ("vmm-core", "vmm-devices"):
        yield f"{name:<12}the same object in both VMMs (sha256 {objects[name][:16]}...)"
    yield f"{'output':<12}console and result region: byte-identical in all three"
    for name, changes in results.changes.items():
        for word, files in changes.named():
            yield from _wrapped(word, f"in {name}: {', '.join(files)}", 12)
    yield ""
    yield _cells("", "", PLACEMENTS)
    totals = [runs[p].account.total for p in PLACEMENTS]
    yield _cells("instructions", "", [_number(total.instructions) for total in totals])
    yield _cells("cycles", "", [_number(total.cycles) for total in totals])


def _row_lines(number: int, row: Row) -> Iterator[str]:
    title = f"{number}. {row.title}"
    verdict = f"[{row.verdict}]"
    yield f"{title}{verdict:>{WIDTH - len(title)}}"
    yield "-" * WIDTH
    yield from _wrapped("claim", row.claim)
    yield _cells("", "", PLACEMENTS)
    for measure in row.measures:
        yield _measure_line(measure)
    yield from _wrapped("rule", row.rule.text)


def _cells(name: str, unit: str, values: tuple[str, ...] | list[str]) -> str:
    return f"  {name:<48}" + "".join(f"{value:>12}" for value in values) + f"  {unit}"


def _measure_line(measure: Measure) -> str:
    values = [_number(measure.values[p]) if p in measure.values else "-" for p in PLACEMENTS]
    return _cells(measure.name, measure.unit, values)


def _number(value: float) -> str:
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.2f}"


def _faults_lines(results: Results) -> Iterator[str]:
    if not results.faults:
        return
    yield "What the faults did"
    yield "-" * WIDTH
    for fault in results.faults:
        what = f"{fault.placement}, {fault.target}: {fault.where}: {'; '.join(fault.happened)}."
        yield from wrap(what, WIDTH, initial_indent="  ", subsequent_indent="    ")
    yield ""


def _origins(rows: tuple[Row, ...]) -> Iterator[str]:
    """How each figure was obtained; measures that share a way are named together."""
    yield "How each figure was obtained"
    yield "-" * WIDTH
    ways: dict[str, list[str]] = {}
    for row in rows:
        for measure in row.measures:
            names = ways.setdefault(measure.how, [])
            if measure.name not in names:
                names.append(measure.name)
    for how, names in ways.items():
        yield from wrap(f"{'; '.join(names)}: {how}.", WIDTH,
                        initial_indent="  ", subsequent_indent="    ")  # fmt: skip


def _model(results: Results) -> Iterator[str]:
    yield ""
    yield "What is counted and what is a model"
    yield "-" * WIDTH
    penalties = ", ".join(f"{name} {cycles}" for name, cycles, _ in results.costs.rows())
    text = (
        "Instructions, exits, traps, switches, bytes and pages are counted by the machine from "
        "outside; no guest or VMM takes part. Cycles are a model: one for each instruction, and "
        f"these penalties: {penalties}. They are a property of the board, not of any chip."
    )
    yield from wrap(text, WIDTH, initial_indent="  ", subsequent_indent="  ")
