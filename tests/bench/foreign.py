"""xv6-riscv from the start of a process to its shell's prompt, here and on QEMU, in turn.

    SIMVIRT_XV6=~/xv6-riscv python -m tests.bench foreign

The folder holds a built xv6-riscv (`make kernel/kernel fs.img`); nothing of it is in this
repository, and its image is not written to.  Our process ends at the prompt, and its end is
counted; QEMU is killed there.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median

TITLES = {"foreign": "unmodified xv6-riscv from the start of a process to its prompt, beside QEMU"}
QEMU = "qemu-system-riscv64"
PROMPT = b"init: starting sh\n$ "
RUNS = 5
PATIENCE = 120  # seconds


def folder() -> Path | None:
    """The folder of a built xv6-riscv that the user has named."""
    named = os.environ.get("SIMVIRT_XV6")
    return Path(named).expanduser() if named else None


def ours(xv6: Path, harts: int, script: Path) -> list[str]:
    """Our command line; the script waits for the prompt."""
    return [sys.executable, "-m", "simvirt", "run", "--quiet", "--harts", str(harts),
            "--input-script", str(script), "--disk", str(xv6 / "fs.img"),
            str(xv6 / "kernel" / "kernel")]  # fmt: skip


def qemu(xv6: Path, harts: int) -> list[str]:
    """QEMU's, as in xv6's own Makefile, but that the image is kept as it is."""
    drive = f"file={xv6 / 'fs.img'},if=none,format=raw,id=x0,snapshot=on"
    return [QEMU, "-machine", "virt", "-bios", "none", "-kernel", str(xv6 / "kernel" / "kernel"),
            "-m", "128M", "-smp", str(harts), "-nographic",
            "-global", "virtio-mmio.force-legacy=false", "-drive", drive,
            "-device", "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0"]  # fmt: skip


def seconds_to(wanted: bytes, command: Sequence[str]) -> float:
    """Seconds from the start of a process until it has written `wanted`; then it is killed.

    Raises RuntimeError, with what it wrote, when it ends before, or hangs.
    """
    begin, said = time.perf_counter(), b""
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        watchdog = threading.Timer(PATIENCE, process.kill)
        watchdog.start()
        try:
            while wanted not in said.replace(b"\r", b""):
                part = os.read(process.stdout.fileno(), 1 << 16)
                if not part:
                    raise RuntimeError(f"{command[0]}: no {wanted!r}; it said {said[-300:]!r}")
                said += part
            return time.perf_counter() - begin
        finally:
            watchdog.cancel()
            process.kill()


def prompt(quick: bool, repeat: int) -> list[str]:
    """Medians of at least five runs each, in turn; a first one fills the caches."""
    xv6, beside = folder(), shutil.which(QEMU) is not None
    if xv6 is None:
        return ["left out: SIMVIRT_XV6 names no folder of a built xv6-riscv"]
    runs = 1 if quick else max(repeat, RUNS)
    with tempfile.TemporaryDirectory(prefix="simvirt-bench-") as scratch:
        script = Path(scratch) / "script.txt"
        script.write_text('wait "$ "\n', encoding="utf-8")
        lines = []
        for harts in (1, 3):
            commands = [ours(xv6, harts, script), *([qemu(xv6, harts)] if beside else [])]
            lines.append(f"harts {harts}   {_medians(commands, runs)}")
    return lines if beside else [*lines, f"{QEMU} is not installed: nothing to compare with"]


def _medians(commands: list[list[str]], runs: int) -> str:
    for command in commands:
        seconds_to(PROMPT, command)
    rows = [[seconds_to(PROMPT, command) for command in commands] for _ in range(runs)]
    mine, *others = (median(column) for column in zip(*rows, strict=True))
    theirs = f"   QEMU {others[0]:.2f} s   ratio {mine / others[0]:.1f}" if others else ""
    return f"{mine:.2f} s{theirs}   ({runs} runs each)"
