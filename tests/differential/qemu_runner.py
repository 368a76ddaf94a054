"""Cases on QEMU's ``virt`` board: many cases in a bare ELF, the signature in a RAM file."""

from __future__ import annotations

import mmap
import re
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from . import monitor
from .bare import bare_elf, boot_of, finals, ram_size
from .case import Case, Final
from .layout import RAM

QEMU = "qemu-system-riscv64"
STUCK = 10.0  # seconds without a finished case after which QEMU is ended
# Extensions that the toy machine does not have, where this QEMU knows them.
ABSENT = (
    "f d h v zba zbb zbc zbs zfa zfh Zfh Zfhmin zfhmin zawrs Zawrs zicbom zicboz zicbop zicond "
    "zihpm zacas zimop zcmop zcb svinval svnapot svpbmt svvptc smaia ssaia smstateen "
    "sscofpmf smepmp ssdbltrp smdbltrp"
).split()
VALUES = {"marchid": "0", "mimpid": "0", "pmu-num": "0", "sstc": "on", "svadu": "on", "debug": "on"}


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
    ended: list[Final | None] = []
    while len(ended) < len(cases):
        ended += _boot(boot_of(cases[len(ended) :]))
    return ended


def _boot(cases: Sequence[Case]) -> list[Final | None]:
    """Run cases until all have ended or one hangs or leaves locks, which is the last answered."""
    base = Path("/dev/shm")
    folder = base if base.is_dir() else None
    size = ram_size(len(cases))
    with (
        tempfile.NamedTemporaryFile(prefix="simvirt-qemu-", dir=folder) as file,
        tempfile.NamedTemporaryFile(prefix="simvirt-cases-", suffix=".elf", dir=folder) as elf,
    ):
        elf.write(bare_elf(cases))
        elf.flush()
        file.truncate(size)
        with mmap.mmap(file.fileno(), size) as ram:
            hangs = _hangs([*_command(file.name, size), "-kernel", elf.name], ram)
            ended: list[Final | None] = list(finals(lambda at, n: ram[at - RAM : at - RAM + n]))
    return [*ended, None] if hangs else ended


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


def _hangs(command: list[str], ram: mmap.mmap) -> bool:
    """Run QEMU until it powers off, or no case has ended for long."""
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
    if process.returncode not in (0, -9):
        raise QemuError(f"{QEMU} ended with {process.returncode}: {errors.strip()}")
    return process.returncode != 0
