"""What packets mean for a machine, without gdb and without a socket."""

import pytest

from simvirt.core import layout
from simvirt.gdb.description import FIRST_CSR, PC, PRIV
from simvirt.gdb.motion import MAX_BREAKS, MAX_WATCHES
from simvirt.gdb.ranges import ways_out
from tests.gdb.client import Direct, boot, symbol

SEPC, MEPC, MSTATUS, MISA = (FIRST_CSR + n for n in (0x141, 0x341, 0x300, 0x301))


@pytest.fixture
def gdb() -> Direct:
    return Direct(boot())


def hexa(value: int, size: int = 8) -> str:
    return value.to_bytes(size, "little").hex()


# ---- looking ----------------------------------------------------------------------------------


def test_what_is_offered(gdb: Direct) -> None:
    assert {"QStartNoAckMode+", "ReverseStep+", "ReverseContinue+", "swbreak+"} <= set(
        gdb.supported
    )
    assert "multiprocess+" not in gdb.supported, "a bare machine is one process"
    assert gdb.ask("vMustReplyEmpty") == gdb.ask("vNonsense") == gdb.ask("QNonsense:1") == ""
    assert gdb.ask("?").startswith("T05thread:1;")
    assert gdb.ask("qC") == "QC1"
    assert gdb.ask("qfThreadInfo") == "m1"
    assert '<thread id="1" core="0"' in gdb.ask("qXfer:threads:read::0,1000")


def test_registers_are_those_of_the_machine(gdb: Direct) -> None:
    gdb.ask("s")
    now = gdb.sim.registers()
    everything = bytes.fromhex(gdb.ask("g"))
    values = [int.from_bytes(everything[i : i + 8], "little") for i in range(0, 264, 8)]
    assert values == [*now.x, now.pc]
    assert gdb.register(PC) == now.pc and gdb.register(PRIV) == 3
    assert gdb.register(MISA) == gdb.sim.csr("misa").value
    assert gdb.ask("p21") == "xx" * 8, "there are no floating-point registers"
    assert gdb.ask("pffff") == "E01"


def test_memory_is_the_guests_own_where_a_breakpoint_is(gdb: Direct) -> None:
    at = symbol(gdb.sim, "again")
    before = gdb.ask(f"m{at:x},8")
    assert before == gdb.sim.memory(at, 8).hex()
    assert gdb.ask(f"Z0,{at:x},4") == "OK"
    assert gdb.ask("c").startswith("T05swbreak:;thread:1;")
    assert gdb.pc == at and gdb.ask(f"m{at:x},8") == before


def test_memory_outside_ram_is_an_error_and_at_its_end_short(gdb: Direct) -> None:
    assert gdb.ask("m10000000,4") == "E0e", "a device is not touched by looking"
    end = 0x8000_0000 + gdb.sim.machine.state.ram_size
    assert len(gdb.ask(f"m{end - 4:x},10")) == 8
    assert gdb.ask(f"m{end:x},1") == "E0e"
    assert gdb.ask("mffffffffffffffff,2") == "E0e"


@pytest.mark.parametrize(
    "packet",
    [
        "m", "mzz,4", "m80000000", "M80000000,4:11", "M80000000,1:zz", "Z0", "Z0,zz,4", "P",
        "Pzz=00", "p", "Hx", "Hg77", "T99", "vCont;q", "vCont;", "vCont;r1:1", "c80000000", "G0",
        "qXfer:features:read:target.xml", "qXfer:features:read:x:0,10", "qRcmd,zz", "s1234", "D;9",
        "vFile:open:", "Qqemu.PhyMemMode:2", b"X80000000,4:a", b"X\xff,1:a", b"\xff\xfe",
    ],
)  # fmt: skip
def test_malformed_packets_are_errors_and_change_nothing(gdb: Direct, packet: str | bytes) -> None:
    before = gdb.sim.machine.state.digest()
    assert gdb.ask(packet)[:1] in ("E", "F")
    assert gdb.sim.machine.state.digest() == before


# ---- running ----------------------------------------------------------------------------------


def test_a_step_at_an_ecall_lands_in_the_handler(gdb: Direct) -> None:
    again, handler = symbol(gdb.sim, "again"), symbol(gdb.sim, "handler")
    gdb.ask(f"Z0,{again:x},4")
    gdb.ask("c")
    t = gdb.sim.t
    assert gdb.ask("vCont;s:1").startswith("T05thread:1;")
    assert gdb.pc == handler and gdb.sim.t == t + 1
    assert gdb.register(MEPC) == again


def test_a_range_step_stops_outside_the_range_only(gdb: Direct) -> None:
    loop, handler = symbol(gdb.sim, "loop"), symbol(gdb.sim, "handler")
    gdb.ask(f"Z0,{loop:x},4")
    gdb.ask("c")
    gdb.ask(f"z0,{loop:x},4")
    over, t = symbol(gdb.sim, "over"), gdb.sim.t
    assert gdb.ask(f"vCont;r{loop:x},{over:x}:1").startswith("T05thread:1;")
    assert gdb.pc == over
    assert gdb.sim.t - t >= 300_000, "the loop was run to its end"
    assert gdb.sim.registers()["t2"] == 100_000
    gdb.ask(f"vCont;r{symbol(gdb.sim, 'again'):x},{handler:x}:1")
    assert gdb.pc == handler, "a trap leaves the range"


CALLS = """
        .globl _start
_start: li      t2, 0
loop:   jal     helper
        la      t4, over
        addi    t2, t2, 1
        li      t3, 500
        bne     t2, t3, loop
        jr      t4
inside: nop
over:   j       over
helper: ret
"""


def test_ways_out_of_a_range() -> None:
    sim = boot(CALLS)
    loop, inside, over, helper = (symbol(sim, n) for n in ("loop", "inside", "over", "helper"))
    jump = next(line.address for line in sim.disassemble(loop, 20) if "jr" in line.text)
    assert ways_out(sim.memory(loop, inside - loop), loop) == {helper, jump, inside}
    assert ways_out(sim.memory(loop, over - loop), loop) == {helper, jump, over}
    assert ways_out(bytes(4), loop) is None, "no instruction"
    gdb = Direct(sim)
    gdb.ask("s")
    gdb.ask(f"vCont;r{loop:x},{inside:x}:1")
    assert gdb.pc == helper, "a call leaves the range"
    for _ in range(499):
        gdb.ask(f"vCont;r{helper:x},{helper + 2:x}:1")
        gdb.ask(f"vCont;r{loop:x},{inside:x}:1")
    gdb.ask(f"vCont;r{helper:x},{helper + 2:x}:1")
    gdb.ask(f"vCont;r{loop:x},{inside:x}:1")
    assert gdb.pc == over and sim.registers()["t2"] == 500


def test_a_jump_through_a_register_leaves_a_long_range() -> None:
    sim = boot(CALLS.replace("jal     helper", "nop"))
    gdb = Direct(sim)
    start, inside, over = (symbol(sim, n) for n in ("_start", "inside", "over"))
    gdb.ask(f"vCont;r{start:x},{inside:x}:1")
    assert gdb.pc == over


def test_more_breakpoints_and_watchpoints_than_the_engine_has(gdb: Direct) -> None:
    assert (MAX_BREAKS, MAX_WATCHES) == (layout.MAX_BREAKPOINTS, layout.MAX_WATCHES)
    pad = symbol(gdb.sim, "pad")  # before the handler: of six hundred, its breakpoint is the last
    for n in range(600):
        gdb.ask(f"Z0,{pad + 2 * n:x},2")
    for n in range(150):
        gdb.ask(f"Z2,{pad + 16 * n:x},4")
    handler, cell = symbol(gdb.sim, "handler"), symbol(gdb.sim, "cell")
    gdb.ask(f"Z0,{handler:x},4")
    assert gdb.ask("c").startswith("T05swbreak:;") and gdb.pc == handler
    gdb.ask(f"Z2,{cell:x},4")
    assert gdb.ask("c").startswith(f"T05watch:{cell:x};")
    stored = gdb.sim.t
    assert gdb.ask("c").startswith("T05swbreak:;") and gdb.pc == handler
    assert gdb.ask("bc").startswith(f"T05watch:{cell:x};") and gdb.sim.t == stored - 1
    assert gdb.ask("bc").startswith("T05swbreak:;") and gdb.pc == handler


def test_breakpoints_where_there_is_no_ram_wait(gdb: Direct) -> None:
    handler = symbol(gdb.sim, "handler")
    for address in (0, 0x1000_0000, 0x7FFF_FFFE, 0x8010_0000, 0xFFFF_FFFF_8000_0000):
        assert gdb.ask(f"Z0,{address:x},4") == "OK"
        assert gdb.ask(f"Z2,{address:x},4") == "OK"
    gdb.ask(f"Z0,{handler:x},4")
    assert gdb.ask("c").startswith("T05swbreak:;") and gdb.pc == handler


@pytest.mark.parametrize(
    ("kind", "name", "value"), [(2, "watch", 7), (3, "rwatch", 7), (4, "awatch", 7)]
)
def test_watchpoints_tell_the_address(gdb: Direct, kind: int, name: str, value: int) -> None:
    cell = symbol(gdb.sim, "cell")
    gdb.ask(f"Z{kind},{cell + 1:x},2")
    assert gdb.ask("c").startswith(f"T05{name}:{cell + 1:x};thread:1;")
    assert int.from_bytes(gdb.sim.memory(cell, 4), "little") == value
    done = gdb.sim.disassemble(symbol(gdb.sim, "again"), 20)
    before = [line.text for line in done if line.address < gdb.pc][-1]
    assert before.startswith("lw" if kind == 3 else "sw"), before


def test_the_bits_of_two_watchpoints_on_a_cell_are_told_apart(gdb: Direct) -> None:
    cell = symbol(gdb.sim, "cell")
    gdb.ask(f"Z2,{cell:x},4")
    gdb.ask(f"Z3,{cell:x},4")
    assert gdb.ask("c").startswith("T05watch:")
    assert gdb.ask("c").startswith("T05rwatch:")


def test_the_end_of_the_machine_can_be_looked_at() -> None:
    gdb = Direct(boot("_start: li t0, 0x100000\nli t1, 0x5555\nsw t1, 0(t0)\nj _start\n"))
    assert gdb.ask("c").startswith("T20thread:1;")
    assert "switched off" in "".join(gdb.notes)
    assert gdb.sim.registers()["t1"] == 0x5555 == gdb.register(6)
    assert gdb.ask("bs").startswith("T05thread:1;"), "and gone back from"
    assert gdb.ask("c").startswith("T20")


# ---- back -------------------------------------------------------------------------------------


def test_back_to_the_breakpoint_and_to_the_begin(gdb: Direct) -> None:
    handler, cell = symbol(gdb.sim, "handler"), symbol(gdb.sim, "cell")
    gdb.ask(f"Z0,{handler:x},4")
    moments = []
    for _ in range(3):
        gdb.ask("c")
        moments.append(gdb.sim.t)
    assert gdb.ask("bc").startswith("T05swbreak:;") and gdb.sim.t == moments[1]
    assert gdb.ask("bs").startswith("T05thread:1;") and gdb.sim.t == moments[1] - 1
    assert gdb.ask("bc").startswith("T05swbreak:;") and gdb.sim.t == moments[0]
    assert gdb.ask("bc").startswith("T05replaylog:begin;") and gdb.sim.t == 0
    assert gdb.ask("bs").startswith("T05replaylog:begin;")
    gdb.ask(f"z0,{handler:x},4")
    gdb.ask(f"Z2,{cell:x},4")
    gdb.ask("c")
    after = gdb.sim.t
    gdb.ask("s")
    assert gdb.ask("bc").startswith(f"T05watch:{cell:x};") and gdb.sim.t == after - 1


# ---- writing ----------------------------------------------------------------------------------


def test_registers_are_written_and_keep_to_what_they_can_hold(gdb: Direct) -> None:
    for number, value in ((5, 0x1234), (PC, symbol(gdb.sim, "loop")), (MEPC, 0x8000_0002)):
        assert gdb.ask(f"P{number:x}={hexa(value)}") == "OK"
        assert gdb.register(number) == value
    assert gdb.ask(f"P0={hexa(5)}") == "OK" and gdb.register(0) == 0
    assert gdb.ask(f"P{SEPC:x}={hexa(0x8000_0001)}") == "OK"
    assert gdb.register(SEPC) == 0x8000_0000, "bit 0 is zero"
    old = gdb.register(MSTATUS)
    assert gdb.ask(f"P{MSTATUS:x}={hexa(1 << 63 | 8)}") == "OK"
    assert gdb.register(MSTATUS) == old | 8, "what has no storage stays"
    assert gdb.ask(f"P{PRIV:x}=01") == "OK" and gdb.register(PRIV) == 1
    assert gdb.ask(f"P{PRIV:x}=02") == "E16"
    assert gdb.ask(f"P{MISA:x}={hexa(0)}") == "E16"
    assert gdb.ask("P21=" + hexa(1)) == "E16"
    values = [0, *range(100, 131), symbol(gdb.sim, "again")]
    assert gdb.ask("G" + "".join(map(hexa, values))) == "OK"
    assert gdb.ask("g") == "".join(map(hexa, values))


def test_what_is_written_runs_and_is_part_of_the_past(gdb: Direct) -> None:
    again, cell = symbol(gdb.sim, "again"), symbol(gdb.sim, "cell")
    gdb.ask(f"Z0,{again:x},4")
    gdb.ask("c")
    nop = 0x13
    assert gdb.ask(f"M{again:x},4:{hexa(nop, 4)}") == "OK"
    assert gdb.ask(b"X%x,4:}\x03}\x04}\x0a\x00" % cell) == "OK"
    assert gdb.sim.memory(cell, 4) == b"#$*\x00"
    gdb.ask("s")
    assert gdb.pc == again + 4, "no trap: the ecall has been replaced"
    state, t = gdb.sim.machine.state.digest(), gdb.sim.t
    gdb.ask("bs")
    gdb.ask("s")
    assert (gdb.sim.machine.state.digest(), gdb.sim.t) == (state, t)
    assert gdb.ask("M10000000,1:00") == "E0e", "not RAM"


def test_physical_memory_mode(gdb: Direct) -> None:
    assert gdb.ask("qqemu.PhyMemMode") == "0"
    assert gdb.ask("Qqemu.PhyMemMode:1") == "OK"
    assert gdb.ask("qqemu.PhyMemMode") == "1"
    assert gdb.ask("m80000000,4") == gdb.sim.memory(0x8000_0000, 4).hex()


# ---- monitor ----------------------------------------------------------------------------------


def test_monitor_commands_answer(gdb: Direct) -> None:
    for name in ("t", "vms", "walk", "csr", "exits", "tlb", "why", "goto", "console", "symbols"):
        assert f"\n{name} " in "\n" + gdb.monitor("help")
    assert "no trap has been taken yet" in gdb.monitor("why")
    gdb.ask(f"Z0,{symbol(gdb.sim, 'handler'):x},4")
    gdb.ask("c")
    assert gdb.monitor("t").startswith(f"t={gdb.sim.t:,} pc={gdb.pc:#x} in process 1 (test)")
    t = gdb.sim.t
    why = gdb.monitor("why")
    assert "environment call" in why and gdb.sim.t == t
    assert "mcause" in why and "0xb" in gdb.monitor("csr mcause")
    assert "physical 0x80000000" in gdb.monitor("walk 0x80000000")
    assert "data: 0 of 256" in gdb.monitor("tlb")
    assert gdb.monitor("goto 3").startswith("t=3 ") and gdb.sim.t == 3
    assert "nothing has been written" in gdb.monitor("console")


ECHO = """
        .globl _start
_start: li      t0, 0x10000000
wait:   lbu     t1, 5(t0)
        andi    t1, t1, 1
        beqz    t1, wait
        lbu     t2, 0(t0)
        sb      t2, 0(t0)
heard:  j       wait
"""


def test_keys_are_typed_and_what_is_written_is_shown() -> None:
    gdb = Direct(boot(ECHO))
    assert "3 bytes typed" in gdb.monitor("type ok\\n")
    gdb.ask(f"Z0,{symbol(gdb.sim, 'heard'):x},4")
    for _ in range(3):
        assert gdb.ask("c").startswith("T05swbreak:;")
    assert gdb.monitor("console") == "ok\n"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("nonsense", "monitor help"),
        ("walk", "monitor walk ADDR"),
        ("walk main", "no number"),
        ("walk -1", "64 bits"),
        ("walk 0x80000000 3", "no VM"),
        ("csr nope", "no CSR"),
        ("goto", "number of steps"),
        ("goto x", "number of steps"),
        ("goto -5", "too early"),
        ("console 9", "no VM 9"),
        ("console x", "no number"),
        ("type vm7 hello", "no VM 7"),
        ("tlb here", "no number"),
    ],
)
def test_wrong_monitor_commands_say_what_is_right(gdb: Direct, command: str, words: str) -> None:
    assert words in gdb.monitor(command)
