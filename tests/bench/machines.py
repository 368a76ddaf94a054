"""The same program on our machine, in S-mode under Sv39 with 4 KiB pages, and flat in Unicorn."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from unicorn import UC_ARCH_RISCV, UC_HOOK_CODE, UC_MODE_RISCV64, Uc  # type: ignore[attr-defined]
from unicorn.riscv_const import UC_RISCV_REG_A0, UC_RISCV_REG_A1

from isa.asm import assemble
from isa.elf import elf_bytes
from simvirt.board import Board
from simvirt.core.state import PAGE, RAM_BASE
from simvirt.loader import Image, load_elf
from simvirt.machine import Machine
from simvirt.toolchain import build

FOLDER = Path(__file__).parent
RAM = 4 << 20
# program: rounds that make at least 3e8 instructions
PROGRAMS = {"sort": 140, "sieve": 60, "matrix": 60, "checksum": 900, "recursion": 700}
TABLES = RAM_BASE + (2 << 20)
LEAF = 0xCF  # V R W X A D
SV39 = 8 << 60


@dataclass(frozen=True)
class Result:
    """One run: the checksum, seconds of processor time, instructions (0: not counted)."""

    checksum: int
    seconds: float
    instructions: int = 0


def images() -> dict[str, Image]:
    """The programs, compiled."""
    artifacts = build(list(PROGRAMS), guests_dir=FOLDER)
    return {name: load_elf(artifact.path) for name, artifact in artifacts.items()}


def _tables() -> bytes:
    """Root, one middle table, one table of 4 KiB pages for each 2 MiB: the identity."""
    words = np.zeros((2 + RAM // (512 * PAGE), 512), np.uint64)
    first = TABLES // PAGE
    words[0, RAM_BASE >> 30] = (first + 1) << 10 | 1
    for i in range(len(words) - 2):
        words[1, i] = (first + 2 + i) << 10 | 1
        frames = RAM_BASE // PAGE + 512 * i + np.arange(512, dtype=np.uint64)
        words[2 + i] = frames << np.uint64(10) | np.uint64(LEAF)
    return words.tobytes()


def _done(image: Image) -> int:
    return image.address_of("done")


def loaded(image: Image, rounds: int) -> Machine:
    """Our machine with a program in it that stops at `done`."""
    machine = Machine(Board(RAM), image, b"")
    state = machine.state
    state.write_ram(TABLES, _tables())
    for name, value in (
        ("pmpcfg0", 0x1F), ("pmpaddr0", (1 << 54) - 1), ("satp", SV39 | TABLES >> 12),
        ("priv", 1), ("x10", rounds), ("x11", 0),
    ):  # fmt: skip
        state.set_hart(name, value)
    machine.set_breakpoints([_done(image)])
    return machine


def ours(image: Image, rounds: int, variant: str = "fast", mask: int = 0) -> Result:
    """Run to `done` on our machine; events of `mask` are recorded and thrown away."""
    machine = loaded(image, rounds)
    state = machine.state
    machine.variant = variant
    machine.select_events(mask)
    start = time.process_time()
    stop = machine.run(1 << 40)
    seconds = time.process_time() - start
    if stop.reason != "stop" or state.hart("priv") != 1:
        raise RuntimeError(f"the program ended with {stop}, not at its end")
    return Result(state.hart("x10"), seconds, stop.t)


def unicorn(image: Image, rounds: int, hooked: bool = False) -> Result:
    """Run to `done` in Unicorn, plain or with a Python function called for each instruction."""
    make: Any = Uc  # its methods carry no annotations
    uc: Any = make(UC_ARCH_RISCV, UC_MODE_RISCV64)
    uc.mem_map(RAM_BASE, RAM)
    for segment in image.segments:
        uc.mem_write(segment.paddr, segment.data)
    uc.reg_write(UC_RISCV_REG_A0, rounds)
    uc.reg_write(UC_RISCV_REG_A1, 0)
    count = [0]

    def hook(_uc: object, _address: int, _size: int, _data: object) -> None:
        count[0] += 1

    if hooked:
        uc.hook_add(UC_HOOK_CODE, hook)
    start = time.process_time()
    uc.emu_start(image.entry, _done(image))
    seconds = time.process_time() - start
    return Result(uc.reg_read(UC_RISCV_REG_A0), seconds, count[0])


TRAPS = """
    la    t0, handler
    csrw  mtvec, t0
loop:
    ecall
    j     loop
handler:
    csrr  t0, mepc
    addi  t0, t0, 4
    csrw  mepc, t0
    mret
"""


def trap_loop() -> Machine:
    """A machine that does nothing but trap and return: two records in six steps."""
    return Machine(Board(RAM), load_elf(elf_bytes(assemble(TRAPS, RAM_BASE).check())), b"")


WRITES = """
    li   s1, 0x80400000
    li   s2, 0x87000000
again:
    mv   t0, s1
page:
    addi t2, t2, 1
    sd   t2, 0(t0)
    add  t0, t0, a0
    bltu t0, s2, page
    j    again
"""


def writer(stride: int) -> Machine:
    """A machine that does nothing but write, a word in each `stride` bytes of 108 MiB."""
    image = load_elf(elf_bytes(assemble(WRITES, RAM_BASE).check()))
    machine = Machine(Board(128 << 20), image, b"")
    machine.state.set_hart("x10", stride)
    return machine


POLL = """
    li   t0, 0x10000005     # line status of the UART
loop:
    lb   t1, 0(t0)
    addi a0, a0, -1
    bnez a0, loop
done:
    j    done
"""


def uart_poll(accesses: int) -> float:
    """Seconds that so many loads from a device take."""
    image = load_elf(elf_bytes(assemble(POLL, RAM_BASE).check()))
    machine = Machine(Board(RAM), image, b"")
    machine.state.set_hart("x10", accesses)
    start = time.process_time()
    machine.run(1 + 3 * accesses)
    seconds = time.process_time() - start
    if machine.state.hart("x10"):
        raise RuntimeError("the loop has not ended")
    return seconds
