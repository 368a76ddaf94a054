"""Law 4 for snapshots: run n, snapshot, run m is restore, run m."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from simvirt.disk import open_disk
from simvirt.errors import InputError
from simvirt.history import Settings, file
from simvirt.notebook.displays import difference_html
from simvirt.simulation import Simulation
from simvirt.snapshot import Change, Difference, diff
from simvirt.virt.accounting import Accountant
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import Options, make_stack
from tests.devices.assembly import WRITER

START = {"bare": 5_000_000, "hypervisor": 15_000_000, "hosted": 25_000_000}
MORE = 6_000_000
PLACEMENTS = pytest.mark.parametrize("placement", START)


def moment(simulation: Simulation) -> tuple[object, ...]:
    """State, devices, disks, consoles."""
    machine = simulation.machine
    devices = [(m.name, m.device.state()) for m in machine.bus.mappings]
    outputs = [bytes(console.output) for console in machine.consoles]
    return machine.state.digest(), devices, outputs, machine.finished


@PLACEMENTS
def test_run_on_from_a_snapshot(placement: str) -> None:
    """In the machine that it was taken of, and in a new one, with listeners and other inputs."""
    simulation = Simulation.boot("minos", placement)
    accountant = Accountant.attach(simulation.stack)
    simulation.run(max_steps=START[placement])
    snapshot = simulation.snapshot()
    simulation.type("ls\n", 0)
    simulation.run(max_steps=MORE)
    end, account = moment(simulation), accountant.account()

    simulation.restore(snapshot)
    assert simulation.t == START[placement] and not simulation.machine.inputs
    simulation.run(max_steps=MORE // 2)
    simulation.restore(snapshot)
    simulation.type("ls\n", 0)
    simulation.run(max_steps=MORE)
    assert moment(simulation) == end and accountant.account() == account

    other = Simulation.boot("minos", placement)
    other.run(max_steps=START[placement] // 3)
    other.restore(snapshot)
    other.type("ls\n", 0)
    other.run(max_steps=MORE)
    assert moment(other) == end


def with_disk(folder: Path) -> Simulation:
    """A guest that writes one sector after the other of a disk of its own."""
    image, source = folder / "disk.img", folder / "writer.S"
    if not image.exists():
        image.write_bytes(bytes(range(256)) * 4096)
        source.write_text(WRITER)
    return Simulation.boot(str(source), "bare", Options(disks=(open_disk(image),)))


def test_with_a_disk(tmp_path: Path) -> None:
    """What was written later is not there after going back; then it is written again."""
    simulation = with_disk(tmp_path)
    simulation.run(max_steps=100_000)
    snapshot = simulation.snapshot()
    disk = simulation.stack.disks[0].disk
    before = disk.digest()
    simulation.run(max_steps=60_000)
    end, after = moment(simulation), disk.digest()
    assert before != after, "nothing was written"
    changed = diff(snapshot, simulation.snapshot())
    assert {"disk", "RAM", "register"} <= {change.kind for change in changed.changes}
    simulation.restore(snapshot)
    assert disk.digest() == before
    simulation.run(max_steps=60_000)
    assert moment(simulation) == end and disk.digest() == after
    other = with_disk(tmp_path)
    other.restore(snapshot)
    other.run(max_steps=60_000)
    assert moment(other) == end


def test_the_past_is_kept_when_it_led_there() -> None:
    """Restoring a moment of the past is going there; another one begins a history."""
    simulation = Simulation.boot("minos")
    simulation.remember(Settings(spacing=500_000))
    simulation.run(max_steps=2_000_000)
    snapshot, here = simulation.snapshot(), moment(simulation)
    simulation.run(max_steps=1_000_000)
    later = moment(simulation)
    simulation.restore(snapshot)
    assert moment(simulation) == here and simulation.travel.history.latest == 3_000_000
    assert simulation.back(1_500_000).t == 500_000
    simulation.goto(3_000_000)
    assert moment(simulation) == later

    simulation.goto(1_000_000)
    simulation.type("x\n")
    simulation.run(max_steps=5_000_000)
    simulation.restore(snapshot)
    assert moment(simulation) == here and simulation.travel.history.first == 2_000_000
    simulation.goto(3_000_000)
    assert moment(simulation) == later


def test_another_machine_is_refused(tmp_path: Path) -> None:
    """The message names what differs, and nothing has changed."""
    snapshot = Simulation.boot("minos").snapshot()
    for guest, placement, options, words in (
        ("hello", "bare", None, "guests: it has minos"),
        ("minos", "bare", Options(mem=64 << 20), "RAM: it has 32M, this one 64M"),
        ("minos", "hypervisor", None, "placement: it has bare, this one hypervisor"),
    ):
        other = Simulation.boot(guest, placement, options)
        other.run(max_steps=1000)
        before = moment(other)
        with pytest.raises(InputError, match=words):
            other.restore(snapshot)
        assert moment(other) == before
    (tmp_path / "a").mkdir()
    disk = with_disk(tmp_path / "a").snapshot()
    (tmp_path / "a" / "disk.img").write_bytes(bytes(1 << 20))
    with pytest.raises(InputError, match="disks: it has 1048576 bytes"):
        with_disk(tmp_path / "a").restore(disk)


def test_difference_names_what_changed() -> None:
    """Against a run that does a known thing."""
    simulation = Simulation.boot("minos")
    simulation.run(max_steps=3_000_000)
    before = simulation.snapshot()
    assert not diff(before, simulation.snapshot())
    address = simulation.vms()[0].base + (20 << 20)
    simulation.machine.poke(address, b"\x11\x22")
    simulation.machine.poke("x10", (0x99).to_bytes(8, "little"))
    simulation.machine.poke("mscratch", (0x10).to_bytes(8, "little"))
    simulation.machine.send(b"q")
    found = diff(before, simulation.snapshot())
    text = str(found)
    assert found.ranges == ((address, 2),) and found.pages == ((20 << 20) // 4096,)
    kinds = {change.kind: change for change in found.changes}
    assert kinds["register"].place == "a0" and kinds["register"].after == "0x99"
    assert kinds["CSR"].place == "mscratch" and "00 00 -> 11 22" in text
    assert kinds["device"].place.startswith("uart0")


def test_difference_in_a_notebook() -> None:
    """As a table; what a machine wrote is escaped."""
    simulation = Simulation.boot("minos")
    before = simulation.snapshot()
    simulation.machine.poke("x10", (5).to_bytes(8, "little"))
    found = diff(before, simulation.snapshot())
    said = Difference(found.t, (*found.changes, Change("console", "0", "", "<b>&")), (), ())
    text = difference_html(said)
    assert "<td" in text and "a0" in text and "&lt;b&gt;&amp;" in text and "<b>" not in text


HARTS = """\
    li    s0, 0x8000
    csrr  s1, mhartid
    la    s2, words
again:
    lr.d  t0, (s2)
    addi  t0, t0, 1
    sc.d  t1, t0, (s2)
    bnez  t1, again
    slli  t2, s1, 3
    add   t2, t2, s2
    ld    t3, 8(t2)
    add   t3, t3, t0
    sd    t3, 8(t2)
    j     again
    .balign 64
words:
    .zero 128
"""


def harts(seed: int) -> Simulation:
    """Three harts that count together, with reservations."""
    options = Options(harts=3, quantum=7, seed=seed)
    return Simulation(make_stack("bare", [assembled_guest(HARTS, "count")], options))


@pytest.mark.parametrize("seed", [0, 99])
def test_several_harts(seed: int, tmp_path: Path) -> None:
    """At any moment, in the middle of turns and of reservations; through a file, too."""
    simulation = harts(seed)
    simulation.remember(Settings(spacing=1000))
    rng = Random(4)
    for _ in range(20):
        simulation.run(max_steps=rng.randrange(1, 400))
        snapshot = simulation.snapshot()
        file.save(snapshot, tmp_path / "s")
        simulation.run(max_steps=500)
        end, t = moment(simulation), simulation.t
        for taken in (snapshot, file.load(tmp_path / "s")):
            other = harts(seed)
            other.run(max_steps=77)
            other.restore(taken)
            other.run(max_steps=500)
            assert moment(other) == end
        simulation.goto(rng.randrange(t))
        simulation.goto(t)
        assert moment(simulation) == end
    found = diff(snapshot, simulation.snapshot())
    assert any(change.place.endswith("of hart 2") for change in found.changes)
    with pytest.raises(InputError, match="turns: it has 7 steps"):
        harts(seed + 1).restore(snapshot)


def test_difference_of_a_stretch_is_readable() -> None:
    """Long lists are cut, and say so."""
    simulation = Simulation.boot("minos")
    before = simulation.snapshot()
    simulation.run(max_steps=4_000_000)
    found = diff(before, simulation.snapshot())
    text = str(found)
    assert len(text.splitlines()) < 300 and "more" in text and "console 0 from byte 0" in text
    assert found.title.startswith("from t=0 to t=4000000: ")
