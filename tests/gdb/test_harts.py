"""Harts as gdb's threads: each with its registers, CSRs and memory, and stepped by itself."""

import pytest

from simvirt.gdb.description import FIRST_CSR, PC, PRIV
from simvirt.simulation import Simulation
from simvirt.virt.stacks import Options
from tests.gdb.client import Direct, boot, symbol
from tests.gdb.harts import HARTS, OWN, PROGRAM, QUANTUM

S0, S1, S2 = 8, 9, 18
MSCRATCH, MHARTID, SATP, MINSTRET, MIP, SEPC, MIDELEG, SIE = (
    FIRST_CSR + n for n in (0x340, 0xF14, 0x180, 0xB02, 0x344, 0x141, 0x303, 0x104)
)
WORKING = 40 * QUANTUM * HARTS  # steps after which each hart does its work


def started(seed: int = 0, quantum: int = QUANTUM) -> Simulation:
    return boot(PROGRAM, Options(mem=8 << 20, harts=HARTS, quantum=quantum, seed=seed))


@pytest.fixture(params=[0, 7], ids=["even", "uneven"])
def gdb(request: pytest.FixtureRequest) -> Direct:
    """All harts at work; turns of equal length, and uneven ones."""
    found = Direct(started(request.param))
    found.sim.run(max_steps=WORKING)
    found.ask("?")
    return found


def of_hart(gdb: Direct, hart: int, number: int) -> int:
    assert gdb.ask(f"Hg{hart + 1}") == "OK"
    return gdb.register(number)


def hexa(value: int) -> str:
    return value.to_bytes(8, "little").hex()


def undisturbed(gdb: Direct, seed: int) -> bool:
    """Is the machine as one that nobody looks at?"""
    other = started(seed)
    other.run(max_steps=gdb.sim.t)
    return other.machine.state.digest() == gdb.sim.machine.state.digest()


# ---- looking ----------------------------------------------------------------------------------


def test_each_hart_is_a_thread(gdb: Direct) -> None:
    assert gdb.ask("qfThreadInfo") == "m1,2,3"
    listed = gdb.ask("qXfer:threads:read::0,1000")
    assert [f'id="{n + 1}" core="{n}"' in listed for n in range(HARTS)] == [True] * HARTS
    assert listed.count(": runs") == 1 and "hart 2 in S: waits (wfi)" in listed
    running = gdb.stub.processes.turns.next
    assert gdb.ask("qC") == f"QC{running + 1}"
    assert gdb.ask("?") == f"T05thread:{running + 1};core:{running};"
    assert gdb.ask("T3") == "OK" and gdb.ask("T4") == gdb.ask("Hg4") == "E01"


def test_each_thread_has_its_own_registers_csrs_and_memory(gdb: Direct) -> None:
    before = gdb.sim.machine.state.digest()
    roots = set()
    for hart in (2, 0, 1):
        assert gdb.ask(f"Hg{hart + 1}") == "OK"
        everything = bytes.fromhex(gdb.ask("g"))
        values = [int.from_bytes(everything[i : i + 8], "little") for i in range(0, 264, 8)]
        assert (values[S0], values[S1]) == (hart, 100 + hart)
        assert values[PC] == gdb.register(PC) == gdb.sim.machine.state.hart("pc", hart)
        assert gdb.register(MSCRATCH) == gdb.register(MHARTID) == hart
        assert gdb.register(PRIV) == 1
        assert gdb.ask(f"m{OWN:x},8") == hexa(100 + hart)
        roots.add(gdb.register(SATP))
    assert len(roots) == HARTS
    assert gdb.sim.machine.state.digest() == before


def test_a_counter_of_a_hart_that_waits_for_its_turn_stands_still(gdb: Direct) -> None:
    turns = gdb.stub.processes.turns
    other = next(n for n in (0, 1) if n != turns.next)
    before, t = of_hart(gdb, other, MINSTRET), gdb.sim.t
    for _ in range(3):
        gdb.sim.step()
    assert gdb.sim.t == t + 3 and turns.last != other
    assert of_hart(gdb, other, MINSTRET) == before


def test_monitor_speaks_of_harts(gdb: Direct) -> None:
    gdb.ask("Hg2")
    said = gdb.monitor("csr mscratch").splitlines()
    assert [line.split()[:4] for line in said] == [
        ["hart", str(n), "mscratch", hex(n)] for n in range(HARTS)
    ]
    physical = 0x8000_0000 + 1 * (2 << 20) + OWN % (2 << 20)
    assert f"physical {physical:#x}" in gdb.monitor(f"walk {OWN:#x}")
    assert f"VA {OWN & ~0xFFF:#x} -> {physical & ~0xFFF:#x}" in gdb.monitor(f"tlb {OWN:#x}")
    assert f"hart {gdb.stub.processes.turns.next} in S: runs" in gdb.monitor("t")


# ---- stepping ---------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 7])
def test_a_step_of_a_hart_takes_one_of_its_own_and_the_turns_of_the_others(seed: int) -> None:
    gdb = Direct(started(seed))
    gdb.sim.run(max_steps=WORKING)
    for hart in (1, 1, 0, 1, 0, 0, 1):
        before, t = of_hart(gdb, hart, MINSTRET), gdb.sim.t
        assert gdb.ask(f"vCont;s:{hart + 1};c").startswith(f"T05thread:{hart + 1};core:{hart};")
        assert gdb.register(MINSTRET) == before + 1, "what is chosen now is the hart that stopped"
        assert t < gdb.sim.t <= t + 3 * HARTS * QUANTUM
    assert undisturbed(gdb, seed)


def test_a_step_of_a_hart_that_sleeps_comes_back(gdb: Direct) -> None:
    pc = of_hart(gdb, 2, PC)
    assert gdb.ask("vCont;s:3;c").startswith("T05thread:3;")
    assert gdb.register(PC) == pc and "hart 2 in S: waits (wfi)" in gdb.ask(
        "qXfer:threads:read::0,1000"
    )


def test_a_range_step_is_of_one_hart(gdb: Direct) -> None:
    loop, bump = symbol(gdb.sim, "loop"), symbol(gdb.sim, "bump")
    for hart in (1, 0):
        while of_hart(gdb, hart, PC) != loop:
            gdb.ask(f"vCont;s:{hart + 1};c")
        assert gdb.ask(f"vCont;r{loop:x},{bump:x}:{hart + 1};c").startswith(f"T05thread:{hart + 1}")
        assert gdb.register(PC) == bump


def test_another_harts_breakpoint_ends_a_step() -> None:
    gdb = Direct(started())
    gdb.sim.run(max_steps=WORKING)
    bump = symbol(gdb.sim, "bump")
    gdb.ask(f"Z0,{bump:x},2")
    gdb.ask("c")
    first = gdb.sim.t
    other = 1 - gdb.stub.processes.turns.next
    stop = gdb.ask(f"vCont;s:{other + 1};c")
    assert stop.startswith("T05swbreak:;thread:") and gdb.register(PC) == bump
    assert gdb.sim.t - first == 4, "its own loop is shorter than its turn"


def test_a_hart_stepped_alone_is_all_that_gdb_hears_of() -> None:
    """A gdb that steps a thread alone gives up when another one stops."""
    gdb = Direct(started())
    gdb.sim.run(max_steps=WORKING)
    bump = symbol(gdb.sim, "bump")
    gdb.ask(f"Z0,{bump:x},2")
    gdb.ask("c")
    hart = gdb.stub.processes.turns.next
    before = of_hart(gdb, 1 - hart, MINSTRET)
    assert f";thread:{2 - hart};" in ";" + gdb.ask(f"vCont;s:{2 - hart}")[3:]
    assert gdb.register(MINSTRET) == before + 1
    said = "".join(gdb.notes)
    assert f"hart {hart} has gone past a breakpoint" in said and f"{bump:#x}" in said
    gdb.notes.clear()
    gdb.ask(f"Hg{2 - hart}")
    gdb.ask(f"vCont;s:{2 - hart}")
    assert not gdb.notes, "it is its turn: nobody else goes on"


def test_a_breakpoint_where_the_next_hart_goes_on_is_not_lost() -> None:
    """gdb has heard of one hart, and the turn is another's, which stands at a breakpoint."""
    gdb = Direct(started(quantum=QUANTUM + 1))  # the loop has four steps: a turn ends anywhere
    gdb.sim.run(max_steps=WORKING)
    bump, turns = symbol(gdb.sim, "bump"), gdb.stub.processes.turns
    while turns.next == turns.last or turns.pc(turns.next) != bump:
        gdb.sim.step()
    hart, t = turns.next, gdb.sim.t
    gdb.sim.back()
    gdb.ask(f"Z0,{bump:x},2")
    gdb.ask("?")
    last = turns.next
    assert gdb.ask(f"vCont;s:{last + 1}").startswith(f"T05thread:{last + 1};")
    assert gdb.sim.t == t and not gdb.notes
    assert gdb.ask("c").startswith(f"T05swbreak:;thread:{hart + 1};")
    assert gdb.sim.t == t and gdb.register(PC) == bump
    gdb.ask("c")
    assert gdb.sim.t > t, "and then it goes on"


def test_a_hart_gets_over_a_breakpoint_in_its_next_turn() -> None:
    """gdb takes it away to get over it; the others pass it meanwhile, and it is told."""
    gdb = Direct(started(quantum=QUANTUM + 1))
    gdb.sim.run(max_steps=WORKING)
    bump, turns = symbol(gdb.sim, "bump"), gdb.stub.processes.turns
    while turns.next == turns.last or turns.pc(turns.last) != bump:
        gdb.sim.step()
    hart, t = turns.last, gdb.sim.t
    gdb.sim.back()
    gdb.ask(f"Z0,{bump:x},2")
    assert f"thread:{hart + 1};" in gdb.ask(f"vCont;s:{hart + 1}")
    assert gdb.sim.t == t and gdb.register(PC) == bump
    count = gdb.register(MINSTRET)
    gdb.ask(f"z0,{bump:x},2")
    assert gdb.ask(f"vCont;s:{hart + 1}").startswith(f"T05thread:{hart + 1};")
    assert gdb.register(MINSTRET) == count + 1
    assert gdb.sim.t > t + QUANTUM and "has gone past a breakpoint" in "".join(gdb.notes)


# ---- points -----------------------------------------------------------------------------------


def test_points_are_met_by_every_hart_where_its_own_tables_lead() -> None:
    gdb = Direct(started())
    asleep = symbol(gdb.sim, "asleep")
    gdb.ask(f"Z0,{asleep:x},2")
    assert gdb.ask("c").startswith("T05swbreak:;thread:3;core:2;")
    assert gdb.register(MHARTID) == 2
    gdb = Direct(started())
    gdb.ask(f"Z2,{OWN:x},8")
    met = [gdb.ask("c") for _ in range(HARTS)]
    assert [stop[: stop.index(";core")] for stop in met] == [
        f"T05watch:{OWN:x};thread:{n + 1}" for n in range(HARTS)
    ]


# ---- back -------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [0, 7])
def test_a_step_back_is_of_one_hart(seed: int) -> None:
    gdb = Direct(started(seed))
    gdb.sim.run(max_steps=WORKING)
    for hart in (1, 0, 1, 1, 0):
        count, pc = of_hart(gdb, hart, MINSTRET), gdb.register(PC)
        gdb.ask(f"Hc{hart + 1}")
        assert gdb.ask("bs").startswith(f"T05thread:{hart + 1};")
        assert gdb.register(MINSTRET) == count - 1
        t = gdb.sim.t
        gdb.ask(f"vCont;s:{hart + 1};c")
        assert (gdb.register(PC), gdb.sim.t) == (pc, t + 1)
        assert undisturbed(gdb, seed)


def test_back_to_the_begin_of_a_hart() -> None:
    gdb = Direct(started())
    gdb.sim.run(max_steps=QUANTUM // 2)
    gdb.ask("Hc2")
    assert gdb.ask("bs").startswith("T05replaylog:begin;thread:2;"), "it has done nothing yet"
    assert gdb.sim.t == QUANTUM // 2


def test_back_to_a_breakpoint_of_any_hart() -> None:
    gdb = Direct(started())
    bump = symbol(gdb.sim, "bump")
    gdb.ask(f"Z0,{bump:x},2")
    met = []
    for _ in range(100):
        stop = gdb.ask("c")
        met.append((gdb.sim.t, stop))
    assert {stop[19:20] for _, stop in met} == {"1", "2"}
    for moment in reversed(met[:-1]):
        assert (gdb.ask("bc"), gdb.sim.t) == moment[::-1]


# ---- writing ----------------------------------------------------------------------------------


def test_registers_and_memory_of_any_hart_are_written_and_repeated(gdb: Direct) -> None:
    for hart in range(HARTS):
        gdb.ask(f"Hg{hart + 1}")
        for number, value in ((S2, 7000 + hart), (MSCRATCH, 8000 + hart), (SEPC, 0x80000001)):
            assert gdb.ask(f"P{number:x}={hexa(value)}") == "OK"
        assert gdb.ask(f"M{OWN:x},8:{hexa(9000 + hart)}") == "OK"
        assert gdb.ask(f"P{MHARTID:x}={hexa(5)}") == "E16"
        assert gdb.ask(f"P{SIE:x}={hexa((1 << 64) - 1)}") == "OK"
        assert gdb.register(SIE) == gdb.register(MIDELEG) & 0x222, "only what is delegated"
    for hart in range(HARTS):
        assert of_hart(gdb, hart, S2) == 7000 + hart
        assert gdb.register(MSCRATCH) == 8000 + hart and gdb.register(SEPC) == 0x80000000
        assert gdb.ask(f"m{OWN:x},8") == hexa(9000 + hart)
    begin = gdb.sim.t
    gdb.sim.run(max_steps=20 * QUANTUM)
    end, digest = gdb.sim.t, gdb.sim.machine.state.digest()
    assert {of_hart(gdb, n, S2) > 7000 + n for n in (0, 1)} == {True}
    for t in (begin - 3 * QUANTUM, 0):
        gdb.sim.goto(t)
        gdb.sim.goto(end)
        assert gdb.sim.machine.state.digest() == digest


def test_a_hart_that_has_not_its_turn_goes_on_where_it_is_told() -> None:
    gdb = Direct(started())
    gdb.sim.run(max_steps=WORKING)
    hart = next(n for n in (0, 1) if n != gdb.stub.processes.turns.next)
    asleep = symbol(gdb.sim, "asleep")
    gdb.ask(f"Hg{hart + 1}")
    assert gdb.ask(f"P{PC:x}={hexa(asleep)}") == "OK"
    gdb.ask(f"Z0,{asleep:x},2")
    assert gdb.ask("c").startswith(f"T05swbreak:;thread:{hart + 1};")
