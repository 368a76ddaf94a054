"""The traces in Perfetto's own engine, where SIMVIRT_TRACE_PROCESSOR names one (58 or later)."""

from __future__ import annotations

import csv
import os
import subprocess
from collections import Counter

import pytest

from simvirt.events import Event
from tests.observe.conftest import Observed

ENGINE = os.environ.get("SIMVIRT_TRACE_PROCESSOR")
pytestmark = pytest.mark.skipif(ENGINE is None, reason="SIMVIRT_TRACE_PROCESSOR names no engine")


def ask(observed: Observed, query: str) -> list[list[str]]:
    """The rows of an SQL query on the run's trace."""
    sql, trace = observed.folder / "query.sql", observed.folder / "run.pftrace"
    sql.write_text(query)
    done = subprocess.run(
        [str(ENGINE), "query", "-f", sql, trace],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    return list(csv.reader(line for line in done.stdout.splitlines() if line))[1:]


def on(track: str) -> str:
    return f"from slice join track on slice.track_id = track.id where track.name = '{track}'"


def of_kind(observed: Observed, kind: str) -> list[Event]:
    return [event for event in observed.events if event.kind == kind]


def test_it_opens_without_an_error(observed: Observed) -> None:
    wrong = "select name from stats where severity in ('error', 'data_loss') and value > 0"
    assert ask(observed, wrong) == []
    assert ask(observed, "select start_ts, end_ts from trace_bounds") == [["0", str(observed.t)]]
    assert ask(observed, "select count(*) from slice where dur < 0") == [["0"]]


def test_it_finds_each_step_in_a_mode_and_each_trap(observed: Observed) -> None:
    for track in ("who runs", "real mode"):
        assert ask(observed, f"select sum(dur), max(depth) {on(track)}") == [[str(observed.t), "0"]]
    traps = ask(observed, f"select slice.ts {on('traps')} order by slice.ts")
    assert [int(row[0]) for row in traps] == [event.t for event in of_kind(observed, "TRAP")]


def test_it_finds_each_exit(observed: Observed) -> None:
    rows = ask(observed, f"select slice.name, count(*) {on('exits')} group by 1")
    found = Counter({name: int(n) for name, n in rows if "unfinished" not in name})
    costs = observed.exits.get(0, {})
    assert found == {reason: cost.count for reason, cost in costs.items()}
