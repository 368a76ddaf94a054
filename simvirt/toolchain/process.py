"""Compilers run in processes of their own: empty environment, limits on time and memory."""

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from simvirt.errors import InputError

SECONDS = 120
MEMORY = 4 << 30


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit status and everything it said."""

    status: int
    text: str


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: int = SECONDS
) -> Outcome:
    """Run ``command`` (its first word an absolute path) in ``folder``; InputError on a time-out."""
    process = subprocess.Popen(
        _limited(command, seconds),
        cwd=folder,
        env=_environment(folder, environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        output, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise InputError(
            f"{Path(command[0]).name} took more than {seconds} s and was stopped; "
            "simplify the source (an endless macro or include?)"
        ) from None
    except BaseException:
        _kill(process)
        raise
    return Outcome(process.returncode, output.decode("utf-8", "replace"))


def _limited(command: Sequence[str], seconds: int) -> list[str]:
    if os.name != "posix" or not sys.executable:
        return list(command)
    script = str(Path(__file__).with_name("limited.py"))
    return [sys.executable, "-I", "-S", script, str(MEMORY), str(seconds), *command]


def _environment(folder: Path, extra: Mapping[str, str]) -> dict[str, str]:
    """Nothing of the user's but what Windows needs to start a process at all."""
    kept = {name: os.environ[name] for name in ("SYSTEMROOT",) if name in os.environ}
    temporary = {name: str(folder) for name in ("TMPDIR", "TMP", "TEMP")}
    return {**kept, **temporary, "LC_ALL": "C", **extra}


def _kill(process: "subprocess.Popen[bytes]") -> None:
    if os.name == "posix":
        os.killpg(process.pid, signal.SIGKILL)  # the compiler may have children
    else:
        process.kill()
    process.communicate()
