"""Cases on QEMU's ``virt`` board: many cases in one boot, states exchanged through a RAM file."""

from __future__ import annotations

import mmap
import re
import shutil
import struct
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from . import monitor
from .case import COMPARED, Case, Final
from .layout import ARENA_SIZE, END, RAM

QEMU = "qemu-system-riscv64"
STUCK = 10.0  # seconds without a finished case after which QEMU is ended
# Extensions that the toy machine does not have, where this QEMU knows them.
ABSENT = (
    "f d h v zba zbb zbc zbs zfa zfh Zfh Zfhmin zfhmin zawrs Zawrs zicbom zicboz zicbop zicond "
    "zihpm zacas zimop zcmop zcb svinval svnapot svpbmt svvptc debug smaia ssaia smstateen "
    "sscofpmf smepmp ssdbltrp smdbltrp sdtrig"
).split()
VALUES = {"marchid": "0", "mimpid": "0", "pmu-num": "0", "sstc": "on", "svadu": "on"}


class QemuError(RuntimeError):
    """QEMU did not start or did not finish."""


def available() -> bool:
    """Whether QEMU is installed."""
    return shutil.which(QEMU) is not None


def version() -> str:
    """The first line of QEMU's version text."""
    text = subprocess.run([QEMU, "--version"], capture_output=True, text=True, check=True).stdout
    return text.splitlines()[0]


def run(case: Case) -> Final:
    """One case in a boot of its own."""
    final = run_all([case])[0]
    if final is None:
        raise QemuError(f"case {case.name} does not end on QEMU")
    return final


def run_all(cases: Sequence[Case]) -> list[Final | None]:
    """The final states of many cases; None for a case that did not end."""
    finals: list[Final | None] = []
    while len(finals) < len(cases):
        finals += _boot(cases[len(finals) :])
    return finals


def _boot(cases: Sequence[Case]) -> list[Final | None]:
    """Run cases until all have ended or one hangs; a hanging one is the last of the answer."""
    base = Path("/dev/shm")
    folder = base if base.is_dir() else None
    with tempfile.NamedTemporaryFile(prefix="simvirt-qemu-", dir=folder) as file:
        size = monitor.SLOTS - RAM + len(cases) * monitor.SLOT_SIZE + (8 << 20)
        size = -(-size // (2 << 20)) * (2 << 20)
        file.truncate(size)
        with mmap.mmap(file.fileno(), size) as ram:
            _fill(ram, cases)
            done = _wait(_command(file.name, size), ram, len(cases))
            finals: list[Final | None] = [_final(ram, k) for k in range(done)]
    return finals if done == len(cases) else [*finals, None]


def _fill(ram: mmap.mmap, cases: Sequence[Case]) -> None:
    code = monitor.image()
    ram[: len(code)] = code
    control = monitor.CONTROL - RAM
    ram[control : control + 24] = struct.pack("<3Q", monitor.SLOTS, len(cases), 0)
    for k, case in enumerate(cases):
        at = _slot(k)
        header = _header(case)
        ram[at : at + len(header)] = header
        for offset, data in case.memory.items():
            start = at + monitor.HEADER_SIZE + offset
            ram[start : start + len(data)] = data


def _slot(k: int) -> int:
    return monitor.SLOTS - RAM + k * monitor.SLOT_SIZE


def _header(case: Case) -> bytes:
    words = [0] * (monitor.HEADER_SIZE // 8)
    words[monitor.X : monitor.X + 32] = case.x
    words[monitor.VECTOR] = case.lines >> 3 & 1
    for k, name in enumerate(monitor.SET_ORDER):
        words[monitor.CSRS + k] = case.csr.get(name, (1 << 64) - 1 if name == "stimecmp" else 0)
    words[monitor.MTIMECMP] = 0 if case.lines >> 7 & 1 else (1 << 63) - 1
    return struct.pack(f"<{len(words)}Q", *words)


def _final(ram: mmap.mmap, k: int) -> Final:
    at = _slot(k)
    words = struct.unpack_from(f"<{monitor.HEADER_SIZE // 8}Q", ram, at)
    csr = {name: words[monitor.CSRS + n] for n, name in enumerate(COMPARED)}
    start = at + monitor.HEADER_SIZE
    x = (0, *words[monitor.X + 1 : monitor.X + 32])
    pc = END + 4 * words[monitor.VECTOR]
    return Final(x, pc, 3, ram[start : start + ARENA_SIZE], csr)


def _command(path: str, size: int) -> list[str]:
    # With two harts QEMU executes an AMO as one access; with one, as a load that faults as a load.
    return [
        QEMU, "-M", "virt,memory-backend=ram", "-smp", "2", "-accel", "tcg,thread=multi",
        "-cpu", _cpu(), "-bios", "none", "-m", f"{size}B",
        "-object", f"memory-backend-file,id=ram,size={size},mem-path={path},share=on",
        "-display", "none", "-serial", "none", "-monitor", "none", "-nodefaults",
    ]  # fmt: skip


def _cpu() -> str:
    ask = [QEMU, "-device", "rv64-riscv-cpu,help"]
    text = subprocess.run(ask, capture_output=True, text=True, check=True).stdout
    known = set(re.findall(r"^\s+([\w-]+)=<", text, re.MULTILINE))
    options = [f"{name}=off" for name in ABSENT if name in known]
    options += [f"{name}={value}" for name, value in VALUES.items() if name in known]
    return ",".join(["rv64", *options])


def _wait(command: list[str], ram: mmap.mmap, count: int) -> int:
    """Run QEMU until it powers off or is stuck; the number of cases that ended."""
    at = monitor.CONTROL - RAM + monitor.DONE
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen, since = 0, time.monotonic()
    try:
        while process.poll() is None:
            time.sleep(0.01)
            done = int.from_bytes(ram[at : at + 8], "little")
            if done != seen:
                seen, since = done, time.monotonic()
            elif time.monotonic() - since > STUCK:
                break
    finally:
        process.kill()
        _, errors = process.communicate()
    done = int.from_bytes(ram[at : at + 8], "little")
    if process.returncode not in (0, -9):
        raise QemuError(f"{QEMU} ended with {process.returncode}: {errors.strip()}")
    return min(done, count)
