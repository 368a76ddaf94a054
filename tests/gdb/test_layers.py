"""A process per layer: equal addresses are not mixed up, and what waits can be looked at."""

import pytest

from isa.csrs import BY_NAME
from simvirt.gdb.description import FIRST_CSR, PC, PRIV
from simvirt.simulation import Simulation
from tests.gdb.client import Direct

SSCRATCH, SCAUSE, MEPC, MCAUSE = (
    FIRST_CSR + BY_NAME[name].number for name in ("sscratch", "scause", "mepc", "mcause")
)


def start(placement: str) -> Direct:
    gdb = Direct(Simulation.boot("minos", on=placement), multiprocess=True)
    assert "multiprocess+" in gdb.supported
    return gdb


def guest(gdb: Direct, name: str) -> int:
    return gdb.sim.stack.guests[0].image.address_of(name)


def to_guest(gdb: Direct, name: str) -> None:
    """Run to a function of the guest's kernel."""
    gdb.ask("Hgp2.1")
    assert gdb.ask(f"Z0,{guest(gdb, name):x},4") == "OK"
    assert gdb.ask("vCont;c:p2.-1").startswith("T05swbreak:;thread:p2.1;")
    assert gdb.ask(f"z0,{guest(gdb, name):x},4") == "OK"


@pytest.mark.parametrize("placement", ["hypervisor", "hosted"])
def test_each_layer_has_a_process_with_its_executable(placement: str) -> None:
    gdb = start(placement)
    pids = [p.pid for p in gdb.stub.processes.all]
    assert gdb.ask("qfThreadInfo") == "m" + ",".join(f"p{pid:x}.1" for pid in pids)
    assert len(pids) == {"hypervisor": 2, "hosted": 4}[placement]
    for pid in pids:
        path = gdb.ask(f"qXfer:exec-file:read:{pid:x}:0,1000")[1:]
        opened = gdb.ask(f"vFile:open:{path.encode().hex()},0,0")
        assert gdb.ask(f"vFile:pread:{opened[1:]},4,0").startswith("F4;\x7fELF")
    assert "vm0 minos" in gdb.ask("qXfer:threads:read::0,1000")
    assert gdb.ask("qXfer:exec-file:read:77:0,1000") == "E01"


@pytest.mark.parametrize("placement", ["hypervisor", "hosted"])
def test_an_address_means_what_it_means_to_its_process(placement: str) -> None:
    """Layer and guest are both linked to where RAM starts."""
    gdb = start(placement)
    image, layer = gdb.sim.stack.guests[0].image, gdb.sim.stack.layers[placement]
    first = image.segments[0].paddr
    assert first == layer.segments[0].paddr
    to_guest(gdb, "system_call")
    for pid, wanted in ((1, layer), (2, image)):
        assert gdb.ask(f"Hgp{pid}.1") == "OK"
        assert gdb.ask(f"m{first:x},40") == wanted.segments[0].data[:64].hex()


def test_a_breakpoint_of_the_layer_does_not_stop_the_guest() -> None:
    gdb = start("hypervisor")
    to_guest(gdb, "kernel_main")
    at = guest(gdb, "system_call")
    gdb.ask("Hgp1.1")
    gdb.ask(f"Z0,{at:x},4")
    gdb.ask("Hgp2.1")
    gdb.ask(f"Z0,{at:x},4")
    assert gdb.ask("vCont;c").startswith("T05swbreak:;thread:p2.1;")
    assert gdb.sim.registers().mode == "U"


def test_a_step_out_of_the_guest_lands_in_the_layer_below() -> None:
    gdb = start("hypervisor")
    to_guest(gdb, "kernel_main")
    reply, t = "", gdb.sim.t
    while not reply.startswith("T05thread:p1.1"):
        gdb.ask("Hgp2.1")
        pc = gdb.register(PC)
        before, reply = gdb.sim.t, gdb.ask("vCont;s:p2.1;c:p1.-1")
        assert gdb.sim.t == before + 1 and gdb.sim.t < t + 1000
    assert gdb.register(PC) == gdb.sim.csr("mtvec").value & ~3
    assert gdb.register(MEPC) == pc, "the real CSRs are the layer's"
    assert gdb.register(PRIV) == 3
    gdb.ask("Hgp2.1")
    assert gdb.register(PC) != 0 and gdb.register(PRIV) == 1, "the vCPU waits in virtual S"
    t = gdb.sim.t
    assert gdb.ask("vCont;s:p2.1;c:p1.-1").startswith("T05thread:p2.1;"), "a step of what waits"
    assert gdb.sim.registers().mode == "U" and gdb.sim.t > t + 100


def test_a_step_of_the_guest_alone_goes_past_the_layer_below() -> None:
    """As gdb asks for it to get over a breakpoint: the user shall not land elsewhere."""
    gdb = start("hypervisor")
    to_guest(gdb, "kernel_main")
    crossed = False
    for _ in range(300):
        t = gdb.sim.t
        assert gdb.ask("vCont;s:p2.1").startswith("T05thread:p2.1;")
        assert gdb.sim.registers().mode == "U"
        crossed |= gdb.sim.t > t + 1
    assert crossed, "some of these instructions trap"


def test_a_guest_shows_its_virtual_csrs_and_mode() -> None:
    gdb = start("hypervisor")
    to_guest(gdb, "system_call")
    assert gdb.register(PRIV) == 1 and gdb.sim.registers().mode == "U"
    assert gdb.register(SCAUSE) == 8, "an ecall of its own user, as its kernel sees it"
    gdb.ask("Hgp1.1")
    assert gdb.register(MCAUSE) == gdb.sim.csr("mcause").value
    assert gdb.ask("g").startswith("xx" * 8), "what is in the hart is the guest's"
    assert gdb.ask(f"P{SSCRATCH:x}=" + "00" * 8) == "E16", "it does not run"
    gdb.ask("Hgp2.1")
    assert gdb.ask(f"P{SSCRATCH:x}=" + "00" * 8) == "E16", "a variable of the VMM"
    assert gdb.ask("P1f=" + (77).to_bytes(8, "little").hex()) == "OK"
    assert gdb.sim.registers()["t6"] == 77


def test_two_guests_are_two_processes() -> None:
    gdb = Direct(Simulation.boot(["minos", "minos"], on="hypervisor"), multiprocess=True)
    at = guest(gdb, "process_spawn")
    gdb.ask("Hgp3.1")
    gdb.ask(f"Z0,{at:x},4")
    assert gdb.ask("vCont;c").startswith("T05swbreak:;thread:p3.1;")
    gdb.ask("Hgp2.1")
    gdb.ask(f"Z0,{at:x},4")
    assert gdb.ask("vCont;c").startswith("T05swbreak:;thread:p"), "whichever comes first"
    assert "vm1 minos" in gdb.monitor("vms")
    assert "GVA" in gdb.monitor(f"walk {at:#x} vm1")


def test_a_machine_is_killed_when_all_of_its_processes_are() -> None:
    gdb = start("hypervisor")
    assert gdb.ask("vKill;2") == "OK" and not gdb.stub.ended
    assert gdb.ask("vKill;9") == "E01"
    assert gdb.ask("vKill;1") == "OK" and gdb.stub.ended


def test_a_user_programs_breakpoint_waits_until_it_is_mapped() -> None:
    gdb = start("hypervisor")
    to_guest(gdb, "kernel_main")
    program = gdb.stub.processes.layers._programs[0][0]
    gdb.ask("Hgp2.1")
    assert gdb.ask(f"m{program.entry:x},4") == "E0e", "not mapped yet"
    assert gdb.ask(f"Z0,{program.entry:x},4") == "OK"
    assert gdb.ask("vCont;c").startswith("T05swbreak:;thread:p2.1;")
    assert gdb.register(PC) == program.entry and gdb.register(PRIV) == 0
    code = next(s for s in program.segments if s.paddr <= program.entry)
    at = program.entry - code.paddr
    assert gdb.ask(f"m{program.entry:x},8") == code.data[at : at + 8].hex()


def test_a_watchpoint_on_a_variable_of_the_guest() -> None:
    gdb = start("hosted")
    to_guest(gdb, "kernel_main")
    at = guest(gdb, "last_pid")
    gdb.ask("Hgp2.1")
    gdb.ask(f"Z2,{at:x},8")
    assert gdb.ask("vCont;c").startswith(f"T05watch:{at:x};thread:p2.1;")
    assert gdb.ask(f"m{at:x},8") == (1).to_bytes(8, "little").hex()
    gdb.ask(f"z2,{at:x},8")
    vmm = next(p for p in gdb.stub.processes.all if p.kind == "vmm")
    gdb.ask(f"Hgp{vmm.pid:x}.1")
    assert vmm.image.symbol_at(gdb.register(PC)) is not None, "where its host saved it"
    gdb.ask(f"Z0,{vmm.image.address_of('vm_run'):x},4")
    gdb.ask(f"Z0,{vmm.image.address_of('hal_run'):x},4")
    reply = gdb.ask("vCont;c")
    assert reply.startswith(f"T05swbreak:;thread:p{vmm.pid:x}.1;")
    assert gdb.sim.registers().mode == "U"


def test_monitor_shows_guest_physical_map_and_shadow_side_by_side() -> None:
    gdb = start("hypervisor")
    assert "has not been made" in gdb.monitor("walk 0x80000000 0")
    to_guest(gdb, "system_call")
    text = gdb.monitor(f"walk {guest(gdb, 'last_pid'):#x}")
    head, table, *_ = text.splitlines()
    assert head.startswith("load of GVA")
    assert [cell.strip() for cell in table.split("|")] == [
        "guest's table of VM 0", "physical map", "shadow table",
    ]  # fmt: skip
    hpa = gdb.sim.vms()[0].physical(guest(gdb, "last_pid"))
    assert text.count(f"HPA {hpa:#x}") >= 1
    shadowed = "missing" if "not valid" in text else "agrees"
    assert text.splitlines()[-1].startswith(f"{shadowed}: ")
    assert gdb.monitor("walk 0x50000000").splitlines()[-1].startswith("neither: ")
    assert "shadow_fill" in gdb.monitor("exits")
    assert "virtual" in gdb.monitor("why")
    assert "minos: starting" in gdb.monitor("console 0")
    assert "running VM 0" in gdb.monitor("console")
    assert "virtual S" in gdb.monitor("vms")
    assert "real " in gdb.monitor("csr sstatus") and "vm0 " in gdb.monitor("csr sstatus")
