"""Traces for Perfetto: slices nest and end, and there are as many as the machine counted.

`read_trace` asserts nesting, order and ends of everything that it reads.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections import Counter
from functools import cache
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from isa import causes, marks
from simvirt.board import RAM
from simvirt.cli import main
from simvirt.events import KIND, Event
from simvirt.observe.lanes import DEEPEST, Lane, Nest, Trace
from simvirt.observe.perfetto import TraceFile
from simvirt.virt.guests import open_guest
from simvirt.virt.layers import Layers
from simvirt.virt.stacks import PLACEMENTS, Options, Stack, make_stack
from tests.observe.conftest import Observed
from tests.observe.wire import Slice, Track, read_trace


def of_kind(observed: Observed, kind: str) -> list[Event]:
    return [event for event in observed.events if event.kind == kind]


def finished(track: Track) -> Counter[str]:
    names = [one.name for one in track.slices]
    return Counter(name for name in names if not name.endswith("(unfinished)"))


@pytest.mark.parametrize("name", ["who runs", "real mode"])
def test_every_step_has_one_mode_and_one_layer(observed: Observed, name: str) -> None:
    slices = observed.tracks[f"hart 0/{name}"].slices
    assert slices[0].start == 0 and slices[-1].end == observed.t
    assert all(a.end == b.start and a.name != b.name for a, b in pairwise(slices))
    assert all(one.start < one.end and one.depth == 0 for one in slices)


def test_modes_are_those_of_the_events(observed: Observed) -> None:
    shown: dict[int, str] = {0: "M"}  # mode by the step from which it is
    for event in observed.events:
        if event.kind in ("TRAP", "XRET"):  # a return is the last step in its mode
            shown[event.t + (event.kind == "XRET")] = event.mode_to
    shown.pop(observed.t, None)
    changes = list(shown.items())
    wanted = changes[:1] + [b for a, b in pairwise(changes) if a[1] != b[1]]
    slices = observed.tracks["hart 0/real mode"].slices
    assert [(one.start, one.name) for one in slices] == wanted


def test_each_trap_is_a_slice_with_its_cause(observed: Observed) -> None:
    traps = sorted(observed.tracks["hart 0/traps"].slices, key=lambda s: (s.start, s.depth))
    events = of_kind(observed, "TRAP")
    assert [(s.start, s.name) for s in traps] == [(e.t, causes.describe(e.a)) for e in events]
    assert [s.args["pc"] for s in traps] == [e.pc for e in events]
    assert [s.args["value"] for s in traps] == [e.b for e in events]


def test_handlers_are_functions_of_the_layer(observed: Observed) -> None:
    traps = observed.tracks["hart 0/traps"].slices
    stack = observed.stack
    layer = stack.layers.get(stack.placement, stack.guests[0].image)
    known = {symbol.name for symbol in layer.symbols}
    named = {s.args.get("handler") for s in traps}
    assert named and named <= known and all("trap" in n or "guest_leave" in n for n in named)


def test_places_of_traps_are_named(observed: Observed) -> None:
    """In kernels all, in programs where those at the same addresses do not differ."""
    traps = observed.tracks["hart 0/traps"].slices
    kernels = [s for s in traps if s.args["pc"] >= RAM]
    assert len(kernels) > 20 or observed.stack.placement == "bare"
    assert all(re.search(r"\.[chS]:\d", s.args["at"]) for s in kernels)
    assert any("compute_run" in s.args.get("at", "") for s in traps)


def test_exits_are_those_of_the_accounting(observed: Observed) -> None:
    for number, exits in observed.exits.items():
        if observed.stack.placement == "bare":
            assert not exits
            continue
        track = observed.vm(number, "vcpu 0/exits")
        assert finished(track) == {reason: cost.count for reason, cost in exits.items()}


def test_exits_of_a_lone_vm_cost_what_the_accounting_says(observed: Observed) -> None:
    if observed.stack.placement != "hypervisor":
        pytest.skip("on the host other processes run meanwhile")
    for reason, cost in observed.exits[0].items():
        slices = [s for s in observed.vm(0, "vcpu 0/exits").slices if s.name == reason]
        assert sum(s.args["cycles"] for s in slices) == cost.cycles
        assert sum(s.args["instructions"] for s in slices) == cost.instructions


def test_runs_are_what_the_guest_executed(observed: Observed) -> None:
    if observed.stack.placement == "bare":
        assert not [path for path in observed.tracks if path.startswith("VM")]
        return
    runs = observed.vm(0, "vcpu 0/runs").slices
    entries = [e.t for e in of_kind(observed, "OWNER") if e.b]
    assert [run.start for run in runs] == entries
    assert sum(r.args["cycles"] for r in runs) == observed.account.vms[0].guest.cycles


def test_runs_end_with_the_reason_of_the_exit_that_follows(observed: Observed) -> None:
    if observed.stack.placement == "bare":
        return
    runs, exits = (observed.vm(0, f"vcpu 0/{name}").slices for name in ("runs", "exits"))
    by_start = {one.start: one.name for one in exits}
    left = [run for run in runs if "exit" in run.args]
    assert len(left) >= len(runs) - 1
    assert all(by_start[r.end].removesuffix(" (unfinished)") == r.args["exit"] for r in left)


def test_counters_end_with_the_numbers_of_exits(observed: Observed) -> None:
    for number, exits in observed.exits.items() if observed.stack.placement != "bare" else ():
        counted = {r: observed.vm(number, f"exits so far/{r}").counts[-1][1] for r in exits}
        assert counted == {reason: cost.count for reason, cost in exits.items()}
        total = observed.vm(number, "exits so far/all exits").counts[-1][1]
        assert total == sum(counted.values())


def test_virtual_modes_are_those_of_the_entries(observed: Observed) -> None:
    if observed.stack.placement == "bare":
        return
    entries = [
        e for e in of_kind(observed, "MARK") if e.a == marks.MARK_NUMBERS["ENTER"] and not e.owner
    ]
    wanted = [causes.PRIV_NAMES[e.b & 0xFF] for e in entries]
    changes = [a for a, b in zip(wanted, [*wanted[1:], ""], strict=True) if a != b]
    assert [s.name for s in observed.vm(0, "vcpu 0/virtual mode").slices] == changes


def test_marks_of_the_guest_are_instants(observed: Observed) -> None:
    bare = observed.stack.placement == "bare"
    track = observed.tracks["hart 0/marks"] if bare else observed.vm(0, "marks")
    own = [
        e
        for e in of_kind(observed, "MARK")
        if e.a in (marks.MARK_NUMBERS["BEGIN"], marks.MARK_NUMBERS["END"])
    ]
    assert [t for t, _ in track.instants] == [e.t for e in own]
    assert track.instants[0][1] == f"BEGIN {observed.stack.guests[0].workloads[0]}"


def test_processes_of_the_host_take_turns(two: Observed) -> None:
    tracks = [track for path, track in two.tracks.items() if path.startswith("host processes/")]
    names = {track.path.removeprefix("host processes/") for track in tracks}
    assert {"pid 2 vmm (VM 0)", "pid 3 vmm (VM 1)"} <= names
    turns = sorted((s.start, s.end) for track in tracks for s in track.slices)
    assert len(turns) > 10 and all(a[1] == b[0] for a, b in pairwise(turns))


def test_two_vms_have_the_exits_of_the_accounting(two: Observed) -> None:
    for number in (0, 1):
        exits = two.exits[number]
        assert finished(two.vm(number, "vcpu 0/exits")) == {r: c.count for r, c in exits.items()}


def test_the_messages_are_perfettos(observed: Observed) -> None:
    """Read by Perfetto's own definitions nothing is unknown, and there is as much."""
    pytest.importorskip("google.protobuf")
    messages = pytest.importorskip("perfetto.protos.perfetto.trace.perfetto_trace_pb2")
    trace = messages.Trace()
    data = (observed.folder / "run.pftrace").read_bytes()
    trace.ParseFromString(data)
    begins = messages.TrackEvent.Type.TYPE_SLICE_BEGIN
    names = {p.track_descriptor.name for p in trace.packet if p.HasField("track_descriptor")}
    assert names == {path.split("/")[-1] for path in observed.tracks}
    found = sum(p.track_event.type == begins for p in trace.packet)
    assert found == sum(len(track.slices) for track in observed.tracks.values())
    trace.DiscardUnknownFields()
    assert trace.ByteSize() == len(data)


def test_a_whole_run_ends_everything(tmp_path: Path) -> None:
    path = tmp_path / "t.pftrace"
    assert main(["run", "-q", "--on", "hosted", "--trace", str(path), "hello"]) == 0
    tracks = read_trace(path)
    exits = finished(tracks["VM 0 (hello)/vcpu 0/exits"])
    assert exits["mmio_finisher"] == 1
    assert len(tracks["VM 0 (hello)/vcpu 0/exits"].slices) == exits.total()
    assert any(name.startswith("VM_END") for _, name in tracks["hart 0/marks"].instants)


def test_gdb_goes_back_and_a_trace_cannot(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--gdb", "0", "--trace", "t.pftrace", "hello"]) == 2
    assert "leave one of --trace and --gdb out" in capsys.readouterr().err
    assert not Path("t.pftrace").exists()


def test_a_trace_that_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    trace = TraceFile.attach(make_stack("bare", [open_guest("hello")]), tmp_path / "t.pftrace")
    assert os.listdir(tmp_path) == []
    trace.discard()
    assert os.listdir(tmp_path) == []


MARKS = st.sampled_from(
    [
        (marks.MARK_NUMBERS[n], p)
        for n in marks.MARK_NUMBERS
        for p in (0, 1, 3, 1 << 16, 0x1_0304, 1 << 63)
    ]
)
EVENTS = st.one_of(
    st.tuples(st.just("MARK"), st.integers(0, 3), st.sampled_from([0, 1, 3]), MARKS),
    *(
        st.tuples(st.just(kind), st.integers(0, 3), st.sampled_from([0, 1, 3]), payload)
        for kind, payload in (
            ("TRAP", st.tuples(st.sampled_from([2, 8, 1 << 63 | 5]), st.integers(0, 9))),
            ("XRET", st.tuples(st.just(0x8000_0000), st.just(0))),
            ("OWNER", st.tuples(st.integers(0, 3), st.integers(0, 3))),
            ("CSR_WRITE", st.tuples(st.sampled_from([0x305, 0x105]), st.integers(0, 9))),
        )
    ),
)


@cache
def unstarted(placement: str) -> Stack:
    """A stack that does not run: what happens is made up."""
    names = ["hello"] if placement == "bare" else ["hello", "uno"]
    return make_stack(placement, [open_guest(name) for name in names])


@pytest.mark.parametrize("placement", PLACEMENTS)
@given(happens=st.lists(st.tuples(EVENTS, st.integers(1, 3)), max_size=60))
@settings(max_examples=100, deadline=None)
def test_whatever_happens_slices_nest_and_end(placement: str, happens: list[Any]) -> None:
    """Also what no machine does, and what a broken VMM says."""
    rows, t = [], 0
    for (kind, owner, mode, (a, b)), steps in happens:
        t += steps
        head = KIND[kind] | mode << 16 | (3 - mode) << 24 | owner << 32
        rows.append([head, t, t, 0x8000_0000, a, b, 0, t])
    stack = unstarted(placement)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "t.pftrace"
        trace = TraceFile(stack, path)
        try:
            trace(np.array(rows, np.uint64).reshape(-1, 8))
            stack.machine.state.set_mach("t", t + 1)
            trace.close()
        finally:
            trace.discard()
            stack.machine.state.set_mach("t", 0)
        tracks = read_trace(path)
    assert all(s.start <= s.end for track in tracks.values() for s in track.slices)
    traps = tracks["hart 0/traps"].slices
    assert len(traps) == sum(kind == "TRAP" for (kind, *_), _ in happens)


def test_harts_have_tracks_of_their_own(tmp_path: Path) -> None:
    stack = make_stack("bare", [open_guest("hello")], Options(harts=2))
    trace = TraceFile(stack, tmp_path / "t.pftrace")
    head = KIND["TRAP"] | 3 << 16 | 3 << 24
    rows = [[head | hart << 40, t, t, RAM, 2, 0, 0, t] for t, hart in ((5, 0), (6, 1), (9, 1))]
    trace(np.array(rows, np.uint64))
    stack.machine.state.set_mach("t", 10)
    trace.close()
    tracks = read_trace(tmp_path / "t.pftrace")
    starts = {n: sorted(s.start for s in tracks[f"hart {n}/traps"].slices) for n in (0, 1)}
    assert starts == {0: [5], 1: [6, 9]}


# ---- one track alone ---------------------------------------------------------------------------


def drawn(folder: Path, kind: type[Lane] | type[Nest], draw: object) -> list[tuple[str, int, int]]:
    """The slices of a track on which something is drawn."""
    trace = Trace(folder / "one.pftrace")
    track = kind(trace, trace.track("one"))
    draw(track)  # type: ignore[operator]
    track.finish(100)
    trace.close()
    slices = read_trace(folder / "one.pftrace")["one"].slices
    return sorted((s.name, s.start, s.end) for s in slices)


def test_what_lasts_no_step_is_not_shown(tmp_path: Path) -> None:
    def draw(lane: Lane) -> None:
        for t, name in ((0, "M"), (5, "S"), (5, "U"), (7, "U"), (9, ""), (9, "U"), (20, "")):
            lane.switch(t, name)

    assert drawn(tmp_path, Lane, draw) == [("M", 0, 5), ("U", 5, 20)]


def test_a_return_to_a_lower_mode_ends_the_handlers_above_it(tmp_path: Path) -> None:
    def draw(nest: Nest) -> None:
        nest.begin(1, "to S", (), 1)
        nest.begin(3, "to M", (), 3)
        nest.left(5, 3, 1)
        nest.begin(6, "again", (), 3)
        nest.left(8, 3, 0)
        nest.left(9, 3, 0)  # nothing is open: the first entry of a process
        nest.begin(10, "last", (), 1)

    slices = [("again", 6, 8), ("last", 10, 100), ("to M", 3, 5), ("to S", 1, 8)]
    assert drawn(tmp_path, Nest, draw) == slices


def test_handlers_that_never_return_are_left(tmp_path: Path) -> None:
    def draw(nest: Nest) -> None:
        for t in range(DEEPEST + 1):
            nest.begin(t, f"{t}", (), 3)

    slices = drawn(tmp_path, Nest, draw)
    assert len(slices) == DEEPEST + 1
    assert ("0", 0, DEEPEST) in slices and (f"{DEEPEST}", DEEPEST, 100) in slices


def label(layers: Layers) -> str:
    """What `who runs` should say now."""
    where = layers.where()
    shown = "" if where.vm is None or layers.stack.placement == "bare" else f", VM {where.vm}"
    own = where.layer in ("hypervisor", "host kernel")  # whomever they work for
    return where.layer if own else f"{where.layer}{shown}"


def shown_at(track: Track, t: int) -> str:
    return next(one.name for one in track.slices if one.start <= t < one.end)


def test_who_runs_is_what_the_machine_says(observed: Observed) -> None:
    """Of a trap's own step the trace says who takes it, the machine who is interrupted."""
    stack = make_stack(observed.stack.placement, observed.stack.guests)
    layers, trapping = Layers(stack), {event.t for event in of_kind(observed, "TRAP")}
    rng, track = Random(5), observed.tracks["hart 0/who runs"]
    moments = {rng.randrange(observed.t) for _ in range(200)} - trapping
    for t in sorted(moments):
        stack.machine.run(t - stack.machine.state.mach("t"))
        assert shown_at(track, t) == label(layers), t


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_trace_may_begin_anywhere(placement: str, tmp_path: Path) -> None:
    """As of a restored machine: it shows what the trace of the whole run shows from there on."""
    guests = [open_guest(name) for name in (["minos"] if placement == "bare" else ["uno", "uno"])]
    stack = make_stack(placement, guests)
    whole = TraceFile.attach(stack, tmp_path / "whole.pftrace")
    ends, parts = [1_500_000, 2_000_000, 2_500_000, 3_000_000], []
    for i, t in enumerate(ends):
        stack.machine.run(t - stack.machine.state.mach("t"))
        parts.append(TraceFile.attach(stack, tmp_path / f"{i}.pftrace"))
    stack.machine.run(500_000)
    for trace in (whole, *parts):
        trace.close()
    wanted = read_trace(tmp_path / "whole.pftrace")
    for i, first in enumerate(ends):
        shown = read_trace(tmp_path / f"{i}.pftrace")
        assert min(s.start for track in shown.values() for s in track.slices) == first
        paths = [path for path in wanted if "mode" in path or "who" in path or "/pid" in path]
        for path in paths:
            begin = max(first, wanted[path].slices[0].start)
            there = shown[path].slices if path in shown else []
            assert since(there, begin) == since(wanted[path].slices, begin), (first, path)


def since(slices: list[Slice], begin: int) -> list[tuple[int, int, str]]:
    return [(max(s.start, begin), s.end, s.name) for s in slices if s.end > begin]
