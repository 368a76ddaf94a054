"""Law 4 for time travel: a moment reached in any way is the moment of the straight run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from simvirt import stops as st
from simvirt.cli.script import Line, Player
from simvirt.errors import InputError
from simvirt.history import GivenUp, Settings
from simvirt.simulation import Simulation
from simvirt.virt.accounting import Accountant
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import Options, make_stack
from simvirt.virt.twin import twin
from tests.history.test_snapshot import with_disk

END = {"bare": 12_000_000, "hypervisor": 40_000_000, "hosted": 60_000_000}
SMALL = Settings(spacing=700_000, memory=512 << 20)
PLACEMENTS = pytest.mark.parametrize("placement", END)


def remembering(placement: str, settings: Settings = SMALL) -> Simulation:
    simulation = Simulation.boot("minos", placement)
    simulation.remember(settings)
    return simulation


def moment(simulation: Simulation) -> tuple[object, ...]:
    """Everything about a moment: state, consoles, the last events."""
    simulation.machine.flush_events()
    outputs = [bytes(console.output) for console in simulation.machine.consoles]
    return simulation.machine.state.digest(), outputs, simulation.events(last=50)


@PLACEMENTS
def test_any_moment_is_reached_again(placement: str) -> None:
    """Forward, backward, one step back, and on to the end: always as in straight runs."""
    simulation, straight = remembering(placement), Simulation.boot("minos", placement)
    simulation.record()
    straight.record()
    rng = Random(3)
    moments = sorted(rng.randrange(END[placement]) for _ in range(7))
    expected = {}
    for t in moments:
        straight.run(max_steps=t - straight.t)
        expected[t] = moment(straight)
    simulation.run(max_steps=END[placement])
    for t in rng.sample(moments, len(moments)):
        simulation.goto(t + 1)
        simulation.back()
        assert simulation.t == t and moment(simulation) == expected[t]
    simulation.goto(END[placement])
    straight.run(max_steps=END[placement] - straight.t)
    assert moment(simulation) == moment(straight)


@PLACEMENTS
def test_listeners_go_back_too(placement: str) -> None:
    """Costs charged up to a moment are those of a straight run up to it."""
    simulation, straight = Simulation.boot("minos", placement), Simulation.boot("minos", placement)
    one, other = Accountant.attach(simulation.stack), Accountant.attach(straight.stack)
    simulation.remember(SMALL)
    simulation.run(max_steps=END[placement])
    simulation.goto(END[placement] // 3)
    straight.run(max_steps=END[placement] // 3)
    assert one.account() == other.account()


@PLACEMENTS
def test_back_to_each_kind_of_condition(placement: str) -> None:
    """Against a forward run that notes every moment at which the condition holds."""
    conditions: list[st.Condition] = [
        st.OnTrap(), st.OnTrap(cause=8), st.OnCsr("sepc"), st.OnCsr("mscratch"), st.OnCsr("satp"),
        st.OnModeChange("U"), st.OnExit(), st.OnSwitch(), st.OnCsr("mstatus"), st.OnCsr("sstatus"),
        st.OnCsr("scause"), st.OnCsr("mtval"), st.OnCsr("sie"), st.OnExit("csr"),
        st.OnTrap(mode="U"),
    ]  # fmt: skip
    start, end = END[placement] // 2, END[placement] // 2 + 60_000
    simulation = remembering(placement)
    for condition in conditions:
        simulation.goto(start)
        seen = []
        while simulation.t < end:
            if simulation.run(condition, max_steps=end - simulation.t).reason == "stop":
                seen.append(simulation.t - 1)
        simulation.goto(end)
        for t in sorted(seen, reverse=True)[:3]:
            found = simulation.back_to(condition)
            assert (found.t, found.found) == (simulation.t, True)
            assert t - 1 <= found.t <= t, condition


def test_back_to_a_write_and_to_a_place() -> None:
    """The store stands at pc; a breakpoint is met where the forward run met it."""
    simulation = remembering("bare")
    image = simulation.current_image()
    place = st.AtPc(image.address_of("trap"))
    simulation.run(place, max_steps=5_000_000)
    simulation.run(place, max_steps=5_000_000)
    here = simulation.t
    stack = simulation.registers()["sp"] - 8
    write = st.OnAccess(simulation.translate(stack, "store").pa or 0, read=False)
    assert simulation.run(write, max_steps=1_000_000).reason == "stop"
    wrote = simulation.t
    simulation.run(max_steps=5000)
    simulation.goto(wrote + 1)
    assert simulation.back_to(write).t == wrote - 1
    assert simulation.disassemble()[0].text.split()[0].removeprefix("c.").startswith("sd")
    assert simulation.back_to(place).t == here


def test_nothing_found_ends_at_the_beginning() -> None:
    simulation = remembering("bare")
    simulation.run(max_steps=3_000_000)
    found = simulation.back_to(st.OnTrap(cause=0))
    assert not found.found and found.t == simulation.t == 0


def test_memory_is_bounded() -> None:
    """With little memory checkpoints lie further apart; every moment is still reached."""
    simulation = remembering("hypervisor", Settings(spacing=100_000, memory=6 << 20))
    simulation.run(max_steps=30_000_000)
    history = simulation.travel.history
    assert history.size < 8 << 20 and 3 < len(history.checkpoints) < 300
    straight = Simulation.boot("minos", "hypervisor")
    for t in (29_999_999, 123_456, 17_000_000):
        simulation.goto(t)
    straight.run(max_steps=17_000_000)
    assert moment(simulation)[:2] == moment(straight)[:2]


def test_a_guest_that_writes_much_leaves_a_step_back_near() -> None:
    """1 MiB between any two checkpoints, room for four: the last two are never given up."""
    source = """
        li   s1, 0x80100000
        li   s2, 0x80200000
        li   t1, 4096
    again: mv t0, s1
    1:  addi t2, t2, 1
        sd   t2, 0(t0)
        add  t0, t0, t1
        bltu t0, s2, 1b
        j    again"""
    guest = assembled_guest(source, "writer")
    simulation = Simulation(make_stack("bare", [guest]))
    simulation.remember(Settings(memory=9 << 19))
    history, rng = simulation.travel.history, Random(2)
    for _ in range(30):
        simulation.run(max_steps=100_000)
        history.checkpoint()
        recent = [t for t in history.checkpoints if simulation.t - t <= 100_000]
        assert len(recent) == 2 and history.size <= 9 << 19
    for t in rng.sample(range(1_000_000, 2_900_000), 5):
        simulation.goto(t)
        assert t - max(at for at in history.checkpoints if at < t) <= 200_000
        simulation.back()
        straight = Simulation(make_stack("bare", [guest]))
        straight.run(max_steps=t - 1)
        assert moment(simulation)[0] == moment(straight)[0]


def test_input_enters_again_where_it_did() -> None:
    """Typed commands are part of the past; typing in the past makes another future."""
    simulation = Simulation.boot("minos", "hosted", Options(commands=("sh &",)))
    simulation.remember(SMALL)
    simulation.run(max_steps=20_000_000)
    simulation.machine.send(b"ls\n")
    simulation.run(max_steps=5_000_000)
    simulation.machine.send(b"cat motd\n")
    simulation.run(max_steps=5_000_000)
    end, typed = moment(simulation), bytes(simulation.machine.consoles[0].output)
    simulation.goto(10_000_000)
    assert len(simulation.machine.consoles[0].output) < len(typed)
    simulation.goto(30_000_000)
    assert moment(simulation) == end
    simulation.goto(22_000_000)
    simulation.machine.send(b"hello\n")
    assert simulation.travel.history.latest == 22_000_000
    simulation.run(max_steps=8_000_000)
    assert len(simulation.machine.inputs) == 2 and moment(simulation) != end


def test_pokes_are_inputs() -> None:
    """What a debugger writes happens again at the same moment."""
    simulation = remembering("bare")
    simulation.run(max_steps=2_000_000)
    simulation.machine.poke("x10", (0x1234).to_bytes(8, "little"))
    address = simulation.vms()[0].base + (20 << 20)
    simulation.machine.poke(address, b"poked")
    after = moment(simulation)
    simulation.goto(1_000_000)
    assert simulation.memory(address, 5) == bytes(5)
    simulation.goto(2_000_001)
    simulation.back()
    simulation.run(max_steps=0)
    assert simulation.memory(address, 5) in (b"poked", bytes(5))
    simulation.goto(2_000_001)
    assert simulation.memory(address, 5) == b"poked"
    assert after[1] == moment(simulation)[1]


def test_what_is_not_remembered_is_refused() -> None:
    simulation = Simulation.boot("minos", "bare")
    with pytest.raises(InputError, match="call remember"):
        simulation.back()
    simulation.run(max_steps=5000)
    simulation.remember()
    simulation.run(max_steps=5000)
    with pytest.raises(InputError, match="first moment remembered is t=5000"):
        simulation.goto(4999)
    assert simulation.back(10**9).t == 5000


def test_talking_is_remembered() -> None:
    """Waiting and typing by program run through history, as whatever runs the machine does."""
    simulation = Simulation.boot("minos", "hosted", Options(commands=("sh &",)))
    simulation.remember(SMALL)
    simulation.wait_for("$ ")
    simulation.type("ls\n")
    simulation.wait_for("hello\n")
    simulation.machine.run(5_000_000)
    end, history = moment(simulation), simulation.travel.history
    assert len(history.checkpoints) > simulation.t // SMALL.spacing - 2
    assert len(simulation.machine.inputs) == 1 and history.latest == simulation.t
    t = simulation.t
    simulation.goto(simulation.machine.inputs[0].t - 1)
    assert not simulation.machine.consoles[0].output.endswith(b"ls\n")
    simulation.goto(t)
    assert moment(simulation) == end


def test_a_script_is_remembered() -> None:
    """The same of the player of input scripts."""
    simulation = Simulation.boot("minos", "hosted", Options(commands=("sh &",)))
    simulation.remember(SMALL)
    lines = [Line(1, "wait", "$ "), Line(2, "type", "ls\n"), Line(3, "wait", "hello\n")]
    player = Player(simulation.machine, lines, "script")
    assert player.run(10**9).reason == "script" and not player.missing
    end, t = moment(simulation), simulation.t
    simulation.goto(t // 2)
    simulation.goto(t)
    assert moment(simulation) == end
    assert len(simulation.travel.history.checkpoints) > t // SMALL.spacing - 2


def test_a_twin_has_no_history() -> None:
    """A copy of a remembered machine runs, and types, without touching the history."""
    simulation = remembering("bare")
    simulation.run(max_steps=1_500_000)
    history = simulation.travel.history
    before = history.checkpoints, history.size, history.latest
    other = twin(simulation.stack)
    other.machine.run(2_000_000)
    other.machine.send(b"x")
    assert (history.checkpoints, history.size, history.latest) == before
    assert simulation.t == 1_500_000 and other.machine.state.mach("t") == 3_500_000


def test_disks_and_listeners_count_as_memory(tmp_path: Path) -> None:
    """Blocks that each checkpoint holds are in the bound."""
    simulation = with_disk(tmp_path)
    simulation.remember(Settings(spacing=10_000, memory=1 << 20))
    simulation.run(max_steps=3_000_000)
    history = simulation.travel.history
    blocks = simulation.stack.disks[0].disk.changed
    assert len(blocks) >= 20 and history.size < 2 << 20
    end = moment(simulation)
    simulation.goto(1_234_567)
    simulation.goto(3_000_000)
    assert moment(simulation) == end


def test_hard_work_has_more_checkpoints() -> None:
    """Where few steps take long, they lie nearer to each other."""
    simulation = Simulation.boot("minos")
    simulation.remember(Settings(spacing=10**9, seconds=0.0))
    simulation.run(max_steps=8_000_000)
    assert len(simulation.travel.history.checkpoints) > 2
    straight = Simulation.boot("minos")
    straight.run(max_steps=3_210_123)
    assert simulation.goto(3_210_123).t == straight.t
    assert moment(simulation) == moment(straight)


@pytest.mark.parametrize("condition", [st.AtPc(0), st.OnAccess(0, read=False)])
def test_frequent_places(condition: st.Condition) -> None:
    """Among very many the last one is found, also when it lies far back."""
    source = """
        li   t0, 0
        la   t1, word
    early:
        sd   t0, 0(t1)
        addi t0, t0, 1
        li   t2, 100000
        blt  t0, t2, early
        li   t0, 0
    late:
        addi t0, t0, 1
        j    late
        .balign 8
    word:
        .dword 0
    """
    simulation = Simulation(make_stack("bare", [assembled_guest(source, "loop")]))
    simulation.remember(Settings(spacing=100_000))
    simulation.run(max_steps=2_500_000)
    symbol = simulation.current_image().address_of
    where = symbol("early") if isinstance(condition, st.AtPc) else symbol("word")
    found = simulation.back_to(replace(condition, address=where))
    assert found.found and simulation.registers().pc == symbol("early")
    assert simulation.registers()["t0"] == 99_999


def test_interrupted_searches_and_jumps_go_on_or_are_given_up() -> None:
    """A request to come out does not make a search wrong; whoever wants may end it."""
    simulation = remembering("bare", Settings(spacing=500_000))
    simulation.run(max_steps=6_000_000)
    found = simulation.back_to(st.OnCsr("medeleg"))
    assert found.found
    history = simulation.travel.history
    for wish in (False, True):
        simulation.goto(6_000_000)
        asked = []

        def give_up(wish: bool = wish, asked: list[int] = asked) -> bool:
            asked.append(simulation.t)
            return wish

        history.give_up = give_up
        simulation.machine.listeners.append(lambda _: simulation.machine.interrupt())
        try:
            if wish:
                with pytest.raises(GivenUp):
                    simulation.back_to(st.OnCsr("medeleg"))
            else:
                assert simulation.back_to(st.OnCsr("medeleg")) == found
        finally:
            simulation.machine.listeners.pop()
        assert asked, "it was not interrupted"
        history.give_up = lambda: False
