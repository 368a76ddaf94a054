"""Snapshots in files: what is written is read; what is damaged, foreign or hostile is refused."""

from __future__ import annotations

import hashlib
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest

from simvirt.core import layout
from simvirt.errors import InputError
from simvirt.history import file
from simvirt.history.plain import pack, unpack
from simvirt.simulation import Simulation
from simvirt.snapshot import diff
from tests.history.test_snapshot import moment, with_disk

START = {"bare": 3_000_000, "hypervisor": 12_000_000, "hosted": 20_000_000}
MORE = 3_000_000


@pytest.mark.parametrize("placement", START)
def test_run_on_from_a_file(placement: str, tmp_path: Path) -> None:
    """Law 4 through a file, in a machine made anew, with input before and after."""
    simulation = Simulation.boot("minos", placement)
    simulation.run(max_steps=START[placement] // 2)
    simulation.type("cat motd\n", 0)
    simulation.run(max_steps=START[placement] // 2)
    file.save(simulation.snapshot(), tmp_path / "s")
    loaded = file.load(tmp_path / "s")
    assert not diff(loaded, simulation.snapshot())
    other = Simulation.boot("minos", placement)
    other.restore(loaded)
    for one in (simulation, other):
        one.type("ls\n", 0)
        one.run(max_steps=MORE)
    assert moment(simulation) == moment(other)


def test_with_a_disk(tmp_path: Path) -> None:
    """The changed blocks are in the file, the image is not."""
    simulation = with_disk(tmp_path)
    simulation.run(max_steps=120_000)
    file.save(simulation.snapshot(), tmp_path / "s")
    assert (tmp_path / "s").stat().st_size < 100_000
    other = with_disk(tmp_path)
    other.restore(file.load(tmp_path / "s"))
    assert moment(other) == moment(simulation)
    for one in (simulation, other):
        one.run(max_steps=60_000)
    assert moment(other) == moment(simulation)


def test_a_file_begins_a_history(tmp_path: Path) -> None:
    """Its inputs are not known: the past before it cannot be reached."""
    simulation = Simulation.boot("minos")
    simulation.remember()
    simulation.run(max_steps=1_000_000)
    file.save(simulation.snapshot(), tmp_path / "s")
    simulation.run(max_steps=1_000_000)
    simulation.restore(file.load(tmp_path / "s"))
    assert simulation.travel.history.first == simulation.t == 1_000_000
    with pytest.raises(InputError, match="first moment remembered is t=1000000"):
        simulation.goto(999_999)


# ---- files that are not what they seem -----------------------------------------------------------


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """The bytes of a file."""
    simulation = Simulation.boot("minos")
    simulation.run(max_steps=3_000_000)
    path = tmp_path_factory.mktemp("good") / "s"
    file.save(simulation.snapshot(), path)
    return path.read_bytes()


def refused(path: Path, data: bytes) -> str:
    """The message with which a file is refused, without much memory."""
    path.write_bytes(data)
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as caught:
            file.load(path)
        assert tracemalloc.get_traced_memory()[1] < 3 * len(data) + (8 << 20)
    finally:
        tracemalloc.stop()
    return str(caught.value)


def test_damage_is_noticed(good: bytes, tmp_path: Path) -> None:
    """A byte changed, missing or added anywhere."""
    rng = Random(5)
    for _ in range(60):
        at = rng.randrange(len(good))
        flipped = bytearray(good)
        flipped[at] ^= 1 << rng.randrange(8)
        assert "snapshot" in refused(tmp_path / "s", bytes(flipped))
        assert "snapshot" in refused(tmp_path / "s", good[:at])
    assert "damaged" in refused(tmp_path / "s", good + b"x")
    assert "not a snapshot" in refused(tmp_path / "s", b"")


def test_impossible_sizes_take_no_memory(good: bytes, tmp_path: Path) -> None:
    """Sizes that promise gigabytes, and pieces that open to more than they say."""
    for at in (8, 16):
        for size in (1 << 63, 1 << 32, 60 << 20):
            data = good[:at] + size.to_bytes(8, "little") + good[at + 8 :]
            assert "damaged" in refused(tmp_path / "s", data)
    bomb = zlib.compress(bytes(60 << 20))
    sizes = len(bomb).to_bytes(8, "little") + (100).to_bytes(8, "little")
    assert "damaged" in refused(tmp_path / "s", signed(good[:8] + sizes + bomb))


def signed(body: bytes) -> bytes:
    """With the right hash: as somebody makes it who wants to be believed."""
    return body + hashlib.sha256(body).digest()


def rewritten(good: bytes, change: Callable[[list[Any]], None]) -> bytes:
    """The file with another head."""
    small = int.from_bytes(good[8:16], "little")
    head = list(unpack(zlib.decompress(good[24 : 24 + small])))
    change(head)
    plain = pack(tuple(head))
    packed = zlib.compress(plain)
    sizes = len(packed).to_bytes(8, "little") + len(plain).to_bytes(8, "little")
    return signed(good[:8] + sizes + packed + good[24 + small : -32])


def word(name: str, value: int) -> Callable[[list[Any]], None]:
    """Put a value in a word of the hart or the machine."""

    def change(head: list[Any]) -> None:
        arrays = [bytearray(array) for array in head[1]]
        index, which = (
            (layout.HART_INDEX[name], 0) if name in layout.HART else (layout.MACH_INDEX[name], 1)
        )
        arrays[which][8 * index : 8 * index + 8] = value.to_bytes(8, "little")
        head[1] = tuple(map(bytes, arrays))

    return change


def part(number: int, value: Any) -> Callable[[list[Any]], None]:
    """Put another value in the head."""

    def change(head: list[Any]) -> None:
        head[number] = value

    return change


def deep(head: list[Any]) -> None:
    """Tuples in tuples in tuples."""
    value: Any = ()
    for _ in range(100):
        value = (value,)
    head[4] = value


def ram(count: int) -> Callable[[list[Any]], None]:
    """Say that there are so many pages."""

    def change(head: list[Any]) -> None:
        head[7] = tuple((name, count, sizes) for name, _, sizes in head[7])

    return change


HOSTILE = {
    "mode 2": word("priv", 2),
    "mode 99": word("priv", 99),
    "odd pc": word("pc", 0x80000001),
    "satp": word("satp", 3 << 60),
    "the end of time": word("t", 1 << 63),
    "100 harts": word("harts", 100),
    "hart 7": word("current", 7),
    "no arrays": part(1, ()),
    "short arrays": part(1, (b"", b"", b"", b"")),
    "arrays of text": part(1, ("a", "b", "c", "d")),
    "no devices": part(4, 7),
    "unknown device": part(4, (("uart0", "Path", ()),)),
    "device of another shape": part(4, (("uart0", "UartState", (1, 2)),)),
    "verdict": part(3, ("WON", 1)),
    "console": part(5, (b"x",)),
    "ended": part(6, ((1 << 70, 0),)),
    "identity": part(0, ((1, 2),)),
    "deep": deep,
    "no pages": ram(0),
    "many pages": ram(1 << 40),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_values(name: str, good: bytes, tmp_path: Path) -> None:
    """With a right hash."""
    text = refused(tmp_path / "s", rewritten(good, HOSTILE[name]))
    assert text.startswith(str(tmp_path / "s"))


def test_a_head_is_rewritten_well(good: bytes, tmp_path: Path) -> None:
    """That the others are refused is not because of how they are made."""
    (tmp_path / "s").write_bytes(rewritten(good, word("x10", 5)))
    assert file.load(tmp_path / "s").frozen.hart[10] == 5


def test_random_heads(good: bytes, tmp_path: Path) -> None:
    """Bytes of the head changed, with a right hash: refused, or a machine that can run on."""
    small = int.from_bytes(good[8:16], "little")
    plain = zlib.decompress(good[24 : 24 + small])
    rng, ran = Random(7), 0
    simulation = Simulation.boot("minos")
    for _ in range(150):
        changed = bytearray(plain)
        for _ in range(rng.choice((1, 1, 3))):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        packed = zlib.compress(bytes(changed))
        sizes = len(packed).to_bytes(8, "little") + len(changed).to_bytes(8, "little")
        (tmp_path / "s").write_bytes(signed(good[:8] + sizes + packed + good[24 + small : -32]))
        try:
            simulation.restore(file.load(tmp_path / "s"))
        except InputError:
            continue
        simulation.run(max_steps=2000)
        ran += 1
    assert 0 < ran < 150


@pytest.mark.parametrize("what", ["missing", "folder", "foreign"])
def test_no_file(what: str, tmp_path: Path) -> None:
    """Each message says what to do."""
    path = tmp_path / what
    if what == "folder":
        path.mkdir()
    elif what == "foreign":
        path.write_text("Dear machine,")
    words = {"missing": "check the name", "folder": "inside it", "foreign": "simvirt run --save"}
    with pytest.raises(InputError, match=words[what]):
        file.load(path)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    """The message names the place."""
    with pytest.raises(InputError, match="cannot be written"):
        file.save(Simulation.boot("hello").snapshot(), tmp_path / "none" / "s")


# ---- plain values --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value", [None, True, False, 0, 1 << 1000, b"", b"\0x", "ä", (), ((1, b"2"), ("3", (None,)))]
)
def test_plain_values(value: Any) -> None:
    """There and back."""
    assert unpack(pack(value)) == value


BROKEN = [
    b"", b"x", b"i", b"i\1\0\0\0", b"t\1\0\0\0", b"nn", b"s\1\0\0\0\xff",
    b"t\xff\xff\xff\xff", b"b\xff\xff\xff\x7f",
]  # fmt: skip


@pytest.mark.parametrize("data", BROKEN)
def test_no_plain_values(data: bytes) -> None:
    """Each is refused."""
    with pytest.raises(ValueError):
        unpack(data)


def test_what_is_not_plain() -> None:
    """Neither a list nor a negative number is written."""
    for value in ([1], -1, 1.5, object()):
        with pytest.raises(TypeError):
            pack(value)


@pytest.mark.parametrize("change", ["size", "complaint"])
def test_hostile_disks(change: str, tmp_path: Path) -> None:
    """A queue that the device would never have taken; a complaint that is no text."""
    simulation = with_disk(tmp_path)
    simulation.run(max_steps=50_000)
    file.save(simulation.snapshot(), tmp_path / "s")
    good = (tmp_path / "s").read_bytes()

    def hostile(head: list[Any]) -> None:
        devices = []
        for name, kind, fields in head[4]:
            values = list(fields)
            if kind == "VirtioState" and change == "size":
                values[6] = tuple((1 << 60, *queue[1:]) for queue in values[6])
            elif kind == "VirtioState":
                values[8] = b"\xff\xfe"
            devices.append((name, kind, tuple(values)))
        head[4] = tuple(devices)

    assert "damaged" in refused(tmp_path / "s", rewritten(good, hostile))


def test_what_a_device_refuses_changes_nothing(tmp_path: Path) -> None:
    """A state that no check of files has seen."""
    simulation = with_disk(tmp_path)
    simulation.run(max_steps=50_000)
    snapshot = simulation.snapshot()
    states = dict(snapshot.frozen.devices)
    queue = replace(states["virtio0"].queues[0], size=3)
    states["virtio0"] = replace(states["virtio0"], queues=(queue,))
    wrong = replace(snapshot, frozen=replace(snapshot.frozen, devices=states))
    simulation.run(max_steps=20_000)
    before = moment(simulation)
    with pytest.raises(InputError, match="damaged: virtio: queue size 3"):
        simulation.restore(wrong)
    assert moment(simulation) == before
