"""xv6-riscv, unmodified, as its own Makefile makes it.  Nothing of it is in this repository.

Get and build it (`make kernel/kernel fs.img`), name its folder, and run this file:

    SIMVIRT_XV6=~/xv6-riscv pytest tests/foreign

With one hart it takes some minutes, with three a quarter of an hour; what each found it writes to
``xv6.toml`` beside it.
"""

from __future__ import annotations

import datetime
import hashlib
import json
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest

import simvirt
from simvirt.cli import main

HERE = Path(__file__).resolve().parent
REPORT = HERE / "xv6.toml"
README = HERE.parents[1] / "README.md"
HARTS = (1, 3)
FOLDER = os.environ.get("SIMVIRT_XV6")
SCRIPT = r"""
steps 1e12
wait "$ "
{started}
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


def row(folder: Path, harts: int, result: dict[str, Any], passed: list[str]) -> dict[str, Any]:
    """What is written down of a run."""
    return {
        "harts": harts,
        "date": str(datetime.datetime.now(datetime.UTC).date()),
        "upstream": "mit-pdos/xv6-riscv",
        "commit": commit(folder),
        "kernel_sha256": result["guests"][0]["sha256"],
        "image_sha256": result["disks"][0]["image_sha256"],
        "simvirt": simvirt.__version__,
        "steps": result["t"],
        "state_sha256": result["state_sha256"],
        "disk_sha256": result["disks"][0]["sha256"],
        "commands": ["ls", "cat README | grep xv6 | wc", "usertests -q"],
        "usertests_passed": len(passed),
        "usertests": passed,
    }


def rows() -> list[dict[str, Any]]:
    """The report as it stands."""
    found: list[dict[str, Any]] = tomllib.loads(REPORT.read_text(encoding="utf-8"))["run"]
    return found


def write(new: dict[str, Any]) -> None:
    """Put a row in the place of the one with as many harts."""
    kept = [old for old in rows() if old["harts"] != new["harts"]]
    lines = ["# Written by test_xv6.py: what the last run with each number of harts found."]
    for one in sorted([*kept, new], key=lambda r: int(r["harts"])):
        lines += ["", "[[run]]", *(f"{key} = {json.dumps(one[key])}" for key in one)]
    REPORT.write_text("\n".join(lines) + "\n", encoding="utf-8")


def script(folder: Path, harts: int) -> str:
    """What is typed and awaited."""
    started = "\n".join(f'expect "hart {n} starting"' for n in range(1, harts))
    known = SCRIPT.replace("{counted}", counted(folder / "README"))
    return known.replace("{started}", started)


def test_the_readme_names_the_age_of_the_report() -> None:
    found = rows()
    assert [one["harts"] for one in found] == list(HARTS)
    assert all(one["usertests_passed"] == len(one["usertests"]) > 0 for one in found)
    oldest = min(one["date"] for one in found)
    assert f"last run on {oldest}" in " ".join(README.read_text(encoding="utf-8").split())


@pytest.mark.slow
@pytest.mark.skipif(FOLDER is None, reason="SIMVIRT_XV6 names no folder of a built xv6-riscv")
@pytest.mark.parametrize("harts", HARTS)
def test_xv6(tmp_path: Path, capsys: pytest.CaptureFixture[str], harts: int) -> None:
    folder = Path(FOLDER or ".").expanduser()
    kernel, image = folder / "kernel" / "kernel", folder / "fs.img"
    before, found = sha256(image), tmp_path / "result.json"
    typed = tmp_path / "script.txt"
    typed.write_text(script(folder, harts), encoding="utf-8")
    code = main(["run", "--harts", str(harts), "--disk", str(image), "--input-script", str(typed),
                 "--max-steps", "1e12", "--json", str(found), str(kernel)])  # fmt: skip
    out, err = capsys.readouterr()
    assert code == 0, err
    assert sha256(image) == before
    passed = re.findall(r"^test (\w+): .*?OK$", out, flags=re.MULTILINE | re.DOTALL)
    started = re.findall(r"^test (\w+): ", out, flags=re.MULTILINE)
    assert passed == started != []
    write(row(folder, harts, json.loads(found.read_text()), passed))
