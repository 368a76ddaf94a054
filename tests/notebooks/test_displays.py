"""Results show themselves: well-formed, escaped, and with the figures that the run gave."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import simvirt.notebook as nb
from simvirt import OnExit, OnMark, OnModeChange, Simulation
from simvirt.errors import InputError
from simvirt.events import Event
from simvirt.notebook import displays
from simvirt.notebook.markup import Html, Picture
from simvirt.results import Journey, Translation

VIRTUAL = ("hypervisor", "hosted")
GVA = 0x40003000


@pytest.fixture(scope="module", params=("bare", *VIRTUAL))
def booted(request: pytest.FixtureRequest) -> Simulation:
    """minos shortly after its first workload has begun, with everything recorded."""
    simulation = Simulation.boot("minos", on=request.param)
    simulation.record()
    simulation.keep_account()
    simulation.run(OnMark("BEGIN"))
    if request.param != "bare":
        simulation.run(OnExit("guest_fault"))
        simulation.run(OnMark("ENTER"))
        simulation.run(OnModeChange("U"))
    return simulation


def wellformed(markup: str) -> ET.Element:
    """The element, or an error of the parser."""
    return ET.fromstring(f"<all>{markup}</all>")


def text_of(markup: str) -> str:
    """All text in it."""
    return " ".join(wellformed(markup).itertext())


def test_every_result_shows_itself(booted: Simulation) -> None:
    """Each registered class, where the placement has one of it."""
    simulation, account = booted, booted.account()
    figures = {"a": {"x": 1.0}, "b": {"x": 2.0}}
    results: list[Any] = [
        simulation, simulation.registers(), simulation.csr("mstatus"), account, account.vms[0],
        *simulation.disassemble(count=2), *simulation.vms(), *simulation.events(last=3),
        simulation.translate(GVA), simulation.judge(figures, smaller="a", larger="b"),
    ]  # fmt: skip
    if simulation.stack.placement != "bare":
        vm = simulation.vm()
        costs = list(account.vms[0].exits.values())
        results += [vm, vm.vcpu, simulation.journey(GVA, "store"), costs[0], simulation.exits()[0]]
    known: dict[type, Callable[[Any], str]] = {}
    for shown in displays.FORMATTERS.values():
        known.update(shown)
    for result in results:
        assert text_of(known[type(result)](result)).strip()


def test_figures_in_the_account_are_those_of_the_account(booted: Simulation) -> None:
    """The total of the machine stands in the last row."""
    account = booted.account()
    assert text_of(displays.account_html(account)).endswith(f"{account.total.cycles:,}")


def test_listing_marks_the_next_instruction(booted: Simulation) -> None:
    """The pc's row, with symbols of the program that runs."""
    shown = nb.listing(booted, count=3)
    first = str(shown).splitlines()[1]
    assert first.startswith(">") and hex(booted.registers().pc) in first
    assert "minos/" in first or booted.stack.placement == "bare"
    wellformed(shown.html)


def test_csrs_real_and_virtual_side_by_side() -> None:
    """The fault is in the virtual registers of the guest kernel, not in the real ones."""
    simulation = Simulation.boot("minos", on="hypervisor")
    simulation.run(OnMark("BEGIN"))
    simulation.run(OnExit("guest_fault"))
    simulation.run(OnMark("ENTER"))
    lines = str(nb.csrs(simulation, ["stval", "mtval", "sstatus", "sip"], vm=0)).splitlines()[1:]
    cells = [line.split() for line in lines]
    assert cells[0][1:3] == ["0x0", hex(GVA)] and cells[1][1] == hex(GVA)
    assert cells[2][2] != "-" and cells[3][2] == "-"


# ---- timelines -----------------------------------------------------------------------------------


def test_timeline_has_every_cycle(booted: Simulation) -> None:
    """Nothing between the first and the last event is lost or counted twice."""
    events = [e for e in booted.events() if e.kind in ("TRAP", "XRET", "MARK", "OWNER")]
    stretches = booted.who_ran()
    passed = events[-1].cycles - events[0].cycles
    assert sum(booted.cycles_by_layer().values()) == passed
    assert all(a.end == b.start for a, b in pairwise(stretches))
    wellformed(nb.timeline(stretches).svg)
    assert stretches[0].who in str(nb.path(stretches))


@pytest.mark.parametrize("placement", VIRTUAL)
def test_timeline_and_accountant_agree(placement: str) -> None:
    """What guests used between two entries, and what an exit took, by two ways of counting."""
    simulation = Simulation.boot("minos", on=placement)
    simulation.record()
    simulation.keep_account()
    simulation.run(OnMark("BEGIN"))
    simulation.run(OnExit("sret"))
    events = simulation.events()
    assert len(events) < 10_000, "the first events are lost"
    costs = simulation.account().vms[0].exits
    first = next(i for i, event in enumerate(events) if event.kind == "OWNER")
    enter = next(e for e in events if e.kind == "MARK" and e.text().endswith("in virtual M"))
    handled = events[first].cycles - enter.cycles  # its first fetch faults: an exit before all
    handled += sum(found.cycles for found in simulation.exits())
    assert handled == sum(cost.cycles for cost in costs.values())
    assert {found.reason for found in simulation.exits()} <= set(costs)
    layers = set(simulation.cycles_by_layer())
    own = {"hypervisor"} if placement == "hypervisor" else {"VMM process", "host kernel"}
    assert own | {"guest kernel", "guest user"} <= layers


def test_no_events_no_timeline() -> None:
    """Nothing to draw is no error."""
    silent = Simulation.boot("uno")
    silent.record()
    assert silent.who_ran() == []
    wellformed(nb.timeline([]).svg)


# ---- walks ---------------------------------------------------------------------------------------


def journey(gpa: int | None, hpa: int | None, shadow: int | None, table: bool = True) -> Journey:
    """A made-up journey."""
    fault = "page fault: the entry is not valid"
    real = Translation(GVA, "load", shadow, "" if shadow else fault) if table else None
    guest = Translation(GVA, "load", gpa, "" if gpa else fault)
    return Journey(guest, gpa, None, hpa, real)


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (journey(0x80001000, 0x82001000, 0x82001000), "agrees"),
        (journey(0x80001000, 0x82001000, None), "missing"),
        (journey(0x80001000, 0x82001000, 0x82002000), "stale"),
        (journey(None, None, 0x82002000), "stale"),
        (journey(None, None, None), "neither"),
        (journey(0x10000000, None, None), "device"),
        (journey(0x80001000, 0x82001000, None, table=False), "no shadow"),
    ],
)
def test_verdicts(made: Journey, told: str) -> None:
    """How the shadow stands to the guest's table."""
    assert nb.verdict(made) == told
    assert told in text_of(nb.journey_picture(made).svg)


@pytest.mark.parametrize("placement", VIRTUAL)
def test_a_walk_shows_every_entry(placement: str) -> None:
    """Addresses and values of both walks, with the kind of address."""
    simulation = Simulation.boot("minos", on=placement)
    simulation.run(OnMark("BEGIN"))
    simulation.run(OnExit("guest_fault"))
    found = simulation.journey(GVA, "store")
    assert found.shadow is not None and nb.verdict(found) == "neither"
    shown = text_of(nb.journey_picture(found).svg)
    for kind, steps in (("GPA", found.guest.steps), ("HPA", found.shadow.steps)):
        assert all(f"at {kind} {s.address:#x} is {s.pte:#018x}" in shown for s in steps)


# ---- charts and tables ---------------------------------------------------------------------------


def test_bars_are_as_long_as_the_figures() -> None:
    """On both scales, and nothing divides by zero."""
    rects = wellformed(nb.bars({"a": {"x": 50, "y": 100}}, "t").svg).iter()
    widths = [float(r.get("width", "0")) for r in rects if r.tag.endswith("rect")]
    assert widths[2] == 2 * widths[1]
    logarithmic = nb.bars({"a": {"x": 10, "y": 100, "z": 0}}, "t", log=True)
    rects = wellformed(logarithmic.svg).iter()
    widths = [float(r.get("width", "0")) for r in rects if r.tag.endswith("rect")]
    assert widths[1:] == [widths[2] / 2, widths[2], 0]
    wellformed(nb.bars({}, "nothing").svg)


def test_exits_chart(booted: Simulation) -> None:
    """Each reason with its figure; an unknown figure is refused."""
    vm = booted.account().vms[0]
    shown = text_of(nb.exits_chart({"vm": vm}, "count").svg)
    assert all(name in shown and f"{cost.count:,}" in shown for name, cost in vm.exits.items())
    with pytest.raises(ValueError, match="count, instructions, cycles"):
        nb.exits_chart({"vm": vm}, "weight")


def test_text_is_escaped() -> None:
    """Names from a guest's image are anybody's."""
    picture = nb.bars({"<b>": {"<script>": 1}}, "&")
    assert "<script>" in text_of(picture.svg)
    assert isinstance(picture, Picture) and "<script>" in repr(picture)


EVENT = Event(1, "TRAP", "U", "S", (1 << 64) - 4, 8, 0, 0, 2, 1, 1)


def test_events_table_is_columns() -> None:
    """As long as the events, 64-bit values unsigned."""
    shown = nb.events_table([EVENT, replace(EVENT, t=2, owner=0)])
    assert shown["vm"] == [0, None] and shown["t"].tolist() == [1, 2]
    assert shown["pc"].dtype == np.uint64 and int(shown["pc"][0]) == EVENT.pc
    assert {len(column) for column in shown.values()} == {2}
    wellformed(shown._repr_html_())
    assert "2 events" in repr(shown)


def test_events_of_an_exit_and_of_a_simulation(booted: Simulation) -> None:
    """Both can be asked for their table."""
    assert nb.events_table(booted).events == tuple(booted.events())
    for found in booted.exits()[:1]:
        assert nb.events_table(found).events == found.events


def test_events_table_to_pandas() -> None:
    """Every column, with its values."""
    pandas = pytest.importorskip("pandas")
    frame = nb.events_table([EVENT] * 3).to_pandas()
    assert frame.shape[0] == 3 and int(frame["pc"][0]) == EVENT.pc
    assert frame.groupby("kind").size()["TRAP"] == 3
    assert pandas.DataFrame(nb.events_table([EVENT] * 3)).equals(frame), "and without being asked"


def test_events_table_to_polars() -> None:
    """Where it is installed; else a message that says what to do."""
    try:
        import polars  # noqa: F401
    except ImportError:
        with pytest.raises(InputError, match="pip install polars"):
            nb.events_table([EVENT]).to_polars()
    else:
        assert nb.events_table([EVENT]).to_polars().height == 1


def test_loading_and_unloading() -> None:
    """IPython shows results by our displays after `%load_ext`, and then as before."""
    shell_module = pytest.importorskip("IPython.core.interactiveshell")
    shell = shell_module.InteractiveShell()
    nb.load_ipython_extension(shell)
    data, _ = shell.display_formatter.format(EVENT)
    assert "environment call from U-mode" in data["text/html"]
    walk = Translation(GVA, "load", None, "page fault")
    assert "image/svg+xml" in shell.display_formatter.format(walk)[0]
    assert "text/html" in shell.display_formatter.format(Html("<b>x</b>", "x"))[0]
    nb.unload_ipython_extension(shell)
    assert "text/html" not in shell.display_formatter.format(EVENT)[0]
