"""xv6-riscv, unmodified, as its own Makefile makes it.  Nothing of it is in this repository.

Get and build it (`make kernel/kernel fs.img`), name its folder, and run this file:

    SIMVIRT_XV6=~/xv6-riscv pytest tests/foreign

It takes some minutes, and writes what it found to ``xv6.toml`` beside it.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import simvirt
from simvirt.cli import main

HERE = Path(__file__).resolve().parent
REPORT = HERE / "xv6.toml"
FOLDER = os.environ.get("SIMVIRT_XV6")
SCRIPT = r"""
steps 1e11
wait "$ "
type "ls\n"
wait "$ "
expect "README"
expect "usertests"
type "cat README | grep xv6 | wc\n"
wait "$ "
expect "\n{counted}"
type "usertests -q\n"
wait "ALL TESTS PASSED"
wait "$ "
"""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def commit(folder: Path) -> str:
    """The checkout's commit; "unknown" when it is none."""
    command = ["git", "-C", str(folder), "rev-parse", "HEAD"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def counted(readme: Path) -> str:
    """What `grep xv6 | wc` says of a file: lines, words, bytes."""
    lines = [line for line in readme.read_bytes().splitlines(keepends=True) if b"xv6" in line]
    return f"{len(lines)} {sum(len(line.split()) for line in lines)} {sum(map(len, lines))}"


def report(folder: Path, result: dict[str, Any], passed: list[str]) -> str:
    """What is written down, as TOML."""
    names = ", ".join(f'"{name}"' for name in passed)
    lines = [
        "# Written by test_xv6.py: what the last run of it found.",
        f'date = "{datetime.datetime.now(datetime.UTC).date()}"',
        'upstream = "mit-pdos/xv6-riscv"',
        f'commit = "{commit(folder)}"',
        f'kernel_sha256 = "{result["guests"][0]["sha256"]}"',
        f'image_sha256 = "{result["disks"][0]["image_sha256"]}"',
        f'simvirt = "{simvirt.__version__}"',
        f"steps = {result['t']}",
        f'state_sha256 = "{result["state_sha256"]}"',
        f'disk_sha256 = "{result["disks"][0]["sha256"]}"',
        'commands = ["ls", "cat README | grep xv6 | wc", "usertests -q"]',
        f"usertests_passed = {len(passed)}",
        f"usertests = [{names}]",
    ]
    return "\n".join(lines) + "\n"


@pytest.mark.slow
@pytest.mark.skipif(FOLDER is None, reason="SIMVIRT_XV6 names no folder of a built xv6-riscv")
def test_xv6(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(FOLDER or ".").expanduser()
    kernel, image = folder / "kernel" / "kernel", folder / "fs.img"
    before, found = sha256(image), tmp_path / "result.json"
    script = tmp_path / "script.txt"
    script.write_text(SCRIPT.replace("{counted}", counted(folder / "README")), encoding="utf-8")
    code = main(["run", "--disk", str(image), "--input-script", str(script), "--max-steps", "1e11",
                 "--json", str(found), str(kernel)])  # fmt: skip
    out, err = capsys.readouterr()
    assert code == 0, err
    assert sha256(image) == before
    passed = re.findall(r"^test (\w+): .*?OK$", out, flags=re.MULTILINE | re.DOTALL)
    started = re.findall(r"^test (\w+): ", out, flags=re.MULTILINE)
    assert passed == started != []
    REPORT.write_text(report(folder, json.loads(found.read_text()), passed), encoding="utf-8")
