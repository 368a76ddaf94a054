"""DMA into RAM: what a store of the hart would undo is undone, the TLB stays."""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from isa.asm import assemble
from isa.elf import elf_bytes
from simvirt import stops
from simvirt.board import DISK_STEPS, RAM, Board
from simvirt.devices.base import DmaFault
from simvirt.disk import open_disk
from simvirt.loader import load_elf
from simvirt.machine import Machine
from simvirt.simulation import Simulation
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import Options, make_stack
from simvirt.virt.twin import twin
from tests.devices.assembly import CONTENT, READER
from tests.devices.driver import Ram

PATCH = """
.globl _start
_start:
    li s0, 0
again:
    addi a0, zero, 1
    addi s0, s0, 1
    j again
"""


def machine(source: str, ram: int = 1 << 20) -> Machine:
    image = load_elf(elf_bytes(assemble(source, name="test")))
    board = Board(ram)
    return Machine(board, image, board.device_tree())


def test_decoded_instructions_are_forgotten() -> None:
    m = machine(PATCH)
    m.run(100)
    assert m.state.hart("x10") == 1
    at = RAM + m.state.read_ram(RAM, 64).index(struct.pack("<I", 0x00100513))
    m.dma.write(at, struct.pack("<I", 0x00200513))  # addi a0, zero, 2
    m.run(10)
    assert m.state.hart("x10") == 2


def test_a_reservation_is_lost_when_its_doubleword_is_written() -> None:
    m = machine(PATCH)
    for address, size, kept in ((RAM + 0x1000, 1, 0), (RAM + 0xFF0, 32, 0), (RAM + 0x1007, 1, 0),
                                (RAM + 0x1008, 8, 1), (RAM + 0xFF8, 8, 1)):  # fmt: skip
        m.state.set_hart("reservation", RAM + 0x1001)
        m.dma.write(address, bytes(size))
        assert bool(m.state.hart("reservation")) == bool(kept), hex(address)


def test_the_tlb_and_page_caches_stay() -> None:
    m = machine(PATCH)
    m.run(100)
    before = m.state.kernel_arrays.w.copy()
    m.dma.write(RAM + 0x8000, b"data" * 1024)
    assert m.dma.read(RAM + 0x8000, 8) == b"datadata"
    assert (m.state.kernel_arrays.w == before).all()


@pytest.mark.parametrize(
    ("address", "size"), [(0, 1), (RAM - 1, 2), (RAM + (1 << 20) - 1, 2), ((1 << 64) - 1, 1 << 40)]
)
def test_outside_ram(address: int, size: int) -> None:
    m = machine(PATCH)
    ram = Ram()
    for memory in (m.dma, ram):
        with pytest.raises(DmaFault):
            memory.read(address, size)
    with pytest.raises(DmaFault):
        m.dma.write(address, bytes(min(size, 8)))


@pytest.fixture
def boot(tmp_path: Path) -> Callable[[str], Simulation]:
    """Start a program on a board with a disk that holds CONTENT."""
    path = tmp_path / "disk.img"
    path.write_bytes(CONTENT)

    def start(source: str) -> Simulation:
        options = Options(mem=1 << 20, disks=(open_disk(path),))
        return Simulation(make_stack("bare", [assembled_guest(source, "reader")], options))

    return start


Boot = Callable[[str], Simulation]


def label(sim: Simulation, name: str) -> int:
    return sim.stack.guests[0].image.address_of(name)


def test_a_sector_reaches_the_guest_at_its_step(boot: Boot) -> None:
    sim = boot(READER)
    sim.run(stops.AtPc(label(sim, "notify")), 1000)
    start = sim.t
    sim.run(max_steps=DISK_STEPS)
    assert sim.memory(RAM + 0x10200, 8) == bytes(8)
    assert sim.t == start + DISK_STEPS
    sim.step()
    assert sim.memory(RAM + 0x10200, 512) == CONTENT[512:]
    stop = sim.run(max_steps=100)
    assert (stop.reason, stop.code) == ("finished", 0)
    assert sim.registers()["a0"] == int.from_bytes(b"content!", "little")


@pytest.mark.parametrize("piece", [1, 7, 333])
def test_pieces_make_the_same_run(boot: Boot, piece: int) -> None:
    whole, cut = boot(READER), boot(READER)
    assert whole.run(max_steps=5000).reason == "finished"
    while cut.run(max_steps=piece).reason == "budget":
        assert cut.t < 5000
    assert cut.machine.state.digest() == whole.machine.state.digest()
    assert cut.machine.disks[0].state() == whole.machine.disks[0].state()


def test_a_twin_has_a_disk_of_its_own(boot: Boot) -> None:
    sim = boot(READER)
    sim.run(stops.AtPc(label(sim, "notified")), 1000)
    before = sim.machine.disks[0].state()
    ahead = twin(sim.stack).machine
    assert ahead.disks[0].state() == before
    assert ahead.run(5000).reason == "finished"
    assert sim.machine.disks[0].state() == before
    assert sim.memory(RAM + 0x10200, 8) == bytes(8)
    assert sim.run(max_steps=5000).reason == "finished"
    assert sim.machine.state.digest() == ahead.state.digest()


def test_a_watched_buffer_stops_the_run_when_the_disk_writes_it(boot: Boot) -> None:
    sim = boot(READER)
    stop = sim.run(stops.OnAccess(RAM + 0x10208, 8, read=False), 5000)
    assert stop.reason == "stop"
    assert sim.memory(RAM + 0x10208, 8) == b"content!"
    assert sim.registers()["a0"] == 0
    reads = boot(READER)
    assert reads.run(stops.OnAccess(RAM + 0x10208, 8, write=False), 5000).reason == "finished"


WAITER = READER.replace("notified:", """notified:
    li t0, 0x0c000004
    li t1, 1
    sw t1, 0(t0)
    li t0, 0x0c002000
    li t1, 2
    sw t1, 0(t0)
    li t0, 0x800
    csrw mie, t0
    wfi
    li t0, 0x0c200004
    lw s5, 0(t0)
    lw s6, 0x60(s0)
    sw s6, 0x64(s0)
    sw s5, 0(t0)
    csrr s7, mip
""")  # fmt: skip


def test_a_waiting_hart_is_woken_by_the_disk(boot: Boot) -> None:
    sim = boot(WAITER)
    assert sim.run(max_steps=5000).reason == "finished"
    registers = sim.registers()
    assert (registers["s5"], registers["s6"], registers["s7"]) == (1, 1, 0)
    assert 0 < sim.machine.state.mach("idle") < DISK_STEPS
