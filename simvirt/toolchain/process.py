"""Compilers run in processes of their own: empty environment, limits on time and memory."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from simvirt.cache import scratch_root
from simvirt.errors import InputError

SECONDS = 120
SHOWN = 1 << 20
MEMORY = 4 << 30  # of address space, for each process
# What is built into a scratch folder is a stranger's: a few lines can ask for any amount.  All of
# our sources compile and link with 200 MB; the linker reserves 9 MB for each of up to 16 threads.
STRANGERS = 384 << 20
_EXHAUSTED = re.compile(
    r"bad_alloc|out of memory|OutOfMemory|memory exhausted|cannot allocate memory|File too large"
    r"|thread constructor failed",
    re.IGNORECASE,
)
_KILLED = (signal.SIGXCPU, signal.SIGXFSZ, signal.SIGKILL) if os.name == "posix" else ()


@dataclass(frozen=True)
class Outcome:
    """How a command ended: its exit status and what it said, at most SHOWN bytes of it."""

    status: int
    text: str


def run(
    command: Sequence[str], folder: Path, environment: Mapping[str, str], seconds: int = SECONDS
) -> Outcome:
    """Run ``command`` (its first word an absolute path) in ``folder``.

    Raises InputError when it takes longer than ``seconds``, and when a stranger's source needs
    more memory or makes more output than it may.
    """
    with tempfile.TemporaryFile() as said:  # not a pipe: what it says counts as its output
        outcome = _outcome(command, folder, _environment(folder, environment), seconds, said)
    _check_limits(Path(command[0]).name, outcome)
    return outcome


def _outcome(
    command: Sequence[str],
    folder: Path,
    environment: Mapping[str, str],
    seconds: int,
    said: IO[bytes],
) -> Outcome:
    process = subprocess.Popen(
        _limited(command, seconds),
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=said,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        _kill(process)
        raise InputError(
            f"{Path(command[0]).name} took more than {seconds} s and was stopped; "
            "simplify the source (an endless macro or include?)"
        ) from None
    except BaseException:
        _kill(process)
        raise
    said.seek(0)
    text = said.read(SHOWN).decode("utf-8", "replace")
    return Outcome(process.returncode, text + ("\n...\n" if said.read(1) else ""))


def memory_limit() -> int:
    """Bytes of address space for each process of a compiler that is started now."""
    return MEMORY if scratch_root() is None else STRANGERS


def _check_limits(name: str, outcome: Outcome) -> None:
    """A compiler out of memory says what is of no use to anybody: pages on itself, or nothing."""
    ended = -outcome.status in _KILLED
    if scratch_root() is not None and outcome.status and (ended or _EXHAUSTED.search(outcome.text)):
        raise InputError(
            f"{name} was stopped: it needed more than {STRANGERS >> 20} MB of memory, or wrote too "
            "large a file; simplify the source (a macro that grows, an enormous array or .fill?)"
        )


def _limited(command: Sequence[str], seconds: int) -> list[str]:
    if os.name != "posix" or not sys.executable:
        return list(command)
    script = str(Path(__file__).with_name("limited.py"))
    return [sys.executable, "-I", "-S", script, str(memory_limit()), str(seconds), *command]


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
    process.wait()
