"""The same small drivers here and on QEMU's board: what they saw is the code they end with."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from isa.asm import assemble
from isa.elf import elf_bytes
from simvirt.disk import open_disk
from simvirt.simulation import Simulation
from simvirt.virt.guests import assembled_guest
from simvirt.virt.stacks import Options, make_stack
from tests.devices.assembly import CONTENT, OFFERED, USED
from tests.differential import qemu_runner

pytestmark = pytest.mark.skipif(not qemu_runner.available(), reason="QEMU is not installed")

# A driver also has s5, the claim register of context 0, and s6, the UART, and ends with its code
# in a0.
SETUP = (
    OFFERED
    + """
    li s5, 0x0c200004
    li s6, 0x10000000
    li t0, 0x0c000004
    li t1, 1
    sw t1, 0(t0)
    li t0, 0x0c000028
    sw t1, 0(t0)
    li t0, 0x0c002000
    li t1, 0x402
    sw t1, 0(t0)
"""
)
END = """
end:
    li t0, 0x100000
    li t1, 0x5555
    beqz a0, finish
    slli a0, a0, 16
    li t1, 0x3333
    or t1, t1, a0
finish:
    sw t1, 0(t0)
stay:
    j stay
"""
READ = """
    sw zero, 0x50(s0)
wait_read:
    lw t1, 0x60(s0)
    beqz t1, wait_read
"""
COUNT_CLAIMS = """
    li a0, 0
    li t2, 50
again:
    lw t1, 0(s5)
    beqz t1, none
    addi a0, a0, 1
    sw t1, 0(s5)
none:
    addi t2, t2, -1
    bnez t2, again
"""

DRIVERS = {
    "the data arrive": READ + "lbu a0, 8(s4)\n",
    "the status is written": READ + "lbu a0, 16(s1)\naddi a0, a0, 1\n",
    "the used ring": READ + f"li t0, {USED}\nlw a0, 8(t0)\nsrli a0, a0, 4\n",
    "interrupt status": READ + "lw a0, 0x60(s0)\nsw a0, 0x64(s0)\nlw t0, 0x60(s0)\n"
                        "slli t0, t0, 4\nadd a0, a0, t0\n",
    "claims of a disk that nobody silences": READ + COUNT_CLAIMS,
    "claims after an acknowledgement": READ + "li t0, 3\nsw t0, 0x64(s0)\n" + COUNT_CLAIMS,
    "a loop of descriptors": "li t0, 0x0000000100000010\nsd t0, 8(s2)\nsw zero, 0x50(s0)\n"
                             "wait:\nlw a0, 0x70(s0)\nandi a0, a0, 0x40\nbeqz a0, wait\n",
    "a sector beyond the end": "li t0, 1000\nsd t0, 8(s1)\n" + READ + "lbu a0, 16(s1)\n",
    "an unknown request": "li t0, 77\nsw t0, 0(s1)\n" + READ + "lbu a0, 16(s1)\n",
    "claims of a transmitter that nobody silences": "li t0, 2\nsb t0, 1(s6)\n" + COUNT_CLAIMS,
    "polling is no reason to ask again": "li t0, 2\nsb t0, 1(s6)\n"
        + COUNT_CLAIMS.replace("sw t1, 0(s5)", "sw t1, 0(s5)\nlbu t3, 5(s6)\nlbu t3, 6(s6)"),
    "each byte sent asks again": "li t0, 2\nsb t0, 1(s6)\n"
        + COUNT_CLAIMS.replace("sw t1, 0(s5)", "sb t1, 0(s6)\nsw t1, 0(s5)"),
    "reading IIR silences": "li t0, 2\nsb t0, 1(s6)\nlbu t0, 2(s6)\n" + COUNT_CLAIMS,
    "sources that do not exist": "li t0, 0x0c002010\nli t1, -1\nsw t1, 0(t0)\nlw a0, 0(t0)\n"
                                 "andi a0, a0, 0x7f\n",
    "an empty slot": "li t0, 0x10003000\nlw a0, 8(t0)\n",
}  # fmt: skip


def here(source: str, image: Path) -> int:
    options = Options(mem=1 << 20, disks=(open_disk(image),))
    sim = Simulation(make_stack("bare", [assembled_guest(source, "driver")], options))
    stop = sim.run(max_steps=100_000)
    assert stop.reason == "finished"
    return stop.code


def on_qemu(source: str, image: Path, folder: Path) -> int:
    kernel = folder / "driver.elf"
    kernel.write_bytes(elf_bytes(assemble(source, name="driver")))
    command = [
        qemu_runner.QEMU, "-machine", "virt", "-bios", "none", "-m", "64M", "-display", "none",
        "-serial", "null", "-monitor", "none", "-kernel", str(kernel),
        "-global", "virtio-mmio.force-legacy=false",
        "-drive", f"file={image},if=none,format=raw,id=x0,snapshot=on",
        "-device", "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0",
    ]  # fmt: skip
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode


@pytest.mark.parametrize("name", DRIVERS)
def test_a_driver_sees_what_it_sees_on_qemu(name: str, tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(CONTENT)
    source = SETUP + DRIVERS[name] + END
    assert here(source, image) == on_qemu(source, image, tmp_path)
