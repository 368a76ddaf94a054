"""Processes that grade: forked from one that is prepared, or (without fork) fresh ones."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import simvirt
from simvirt.cache import cache_root
from simvirt.grade.scratch import Scratch

CAN_FORK = hasattr(os, "fork") and hasattr(socket, "send_fds") and sys.platform != "darwin"
Message = dict[str, Any]
Request = dict[str, Any]


class Fresh:
    """Each request is a process of its own that has to load everything."""

    phases = ("test",)

    def ask(self, request: Request, errors: IO[bytes]) -> Iterator[Message]:
        """Its process ("pid"), what it says, and how it ended ("ended")."""
        process = _start(subprocess.PIPE, subprocess.PIPE, errors)
        yield {"pid": process.pid}
        assert process.stdin is not None and process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(json.dumps(request).encode())
            process.stdin.close()
        try:
            yield from _lines(process.stdout)
        finally:
            process.stdout.close()
            if process.poll() is None:
                kill(process.pid)
            process.wait()
        yield {"ended": process.returncode}

    def close(self) -> None:
        """Nothing is kept."""


class Nursery:
    """One process prepares what needs no submission, and forks itself for each request.

    A submission is compiled while the rest is still being prepared: two phases, two processes.
    """

    phases = ("compile", "test")

    def __init__(self, lab: Path, seed: str) -> None:
        self._hello = {"lab": str(lab), "seed": seed}
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: Scratch | None = None
        self._errors: IO[bytes] | None = None

    def ask(self, request: Request, errors: IO[bytes]) -> Iterator[Message]:
        """Its process ("pid"), what it says, and how it ended ("ended"; absent: killed)."""
        reader, writer = os.pipe()
        with open(reader, "rb") as results:
            try:
                self._send(json.dumps(request).encode(), [writer, errors.fileno()])
            finally:
                os.close(writer)
            pid = None
            for message in _lines(results):
                pid = message.get("pid", pid)
                yield message
        if pid is None and self._errors is not None:
            yield {"failure": f"the grader's own process: {_last_line(self._errors)}"}

    def _send(self, data: bytes, files: list[int]) -> None:
        with self._lock:
            if self._process is None or self._process.poll() is not None:
                self._begin()
            assert self._socket is not None
            socket.send_fds(self._socket, [data], files)

    def _begin(self) -> None:
        """Start the process (again: something outside may have ended it)."""
        self._end()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._scratch = Scratch()
        # What the nursery builds is not the submission's: it may be kept, where that is possible.
        with contextlib.suppress(OSError):
            cache_root().mkdir(parents=True, exist_ok=True)
        scratch = "" if os.access(cache_root(), os.W_OK) else self._scratch.name
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  (as long as the process)
        with theirs:
            self._process = _start(theirs, subprocess.DEVNULL, self._errors, scratch)
        self._socket = ours
        ours.send(json.dumps(self._hello).encode())

    def close(self) -> None:
        """End the process; those that it has forked go on."""
        with self._lock:
            self._end()

    def _end(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._process is not None:
            kill(self._process.pid)
            self._process.wait()
        if self._scratch is not None:
            self._scratch.cleanup()
        if self._errors is not None:
            self._errors.close()
        self._socket = self._process = self._scratch = self._errors = None


Workers = Fresh | Nursery


def workers(lab: Path, seed: str, fork: bool = CAN_FORK) -> Workers:
    """The way to grade submissions of the lab in that folder on this computer."""
    return Nursery(lab, seed) if fork else Fresh()


def _lines(stream: IO[bytes]) -> Iterator[Message]:
    for line in stream:
        with contextlib.suppress(ValueError):  # half a line, if it was stopped
            yield json.loads(line)


def _start(
    requests: int | socket.socket, results: int, errors: IO[bytes], scratch: str = ""
) -> subprocess.Popen[bytes]:
    path = [
        str(Path(simvirt.__file__).parent.parent),
        *filter(None, [os.environ.get("PYTHONPATH")]),
    ]
    environment = {
        **os.environ,
        "SIMVIRT_SCRATCH": scratch,
        "PYTHONPATH": os.pathsep.join(path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",  # a process that forks has one thread
    }
    return subprocess.Popen(
        [sys.executable, "-m", "simvirt.grade.worker"],
        stdin=requests,  # type: ignore[arg-type]  # it has a fileno
        stdout=results,
        stderr=errors,
        env=environment,
        start_new_session=True,
    )


def kill(pid: int) -> None:
    """End a process and its group, if it is still there."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if os.name == "posix":
            os.killpg(pid, signal.SIGKILL)
        else:
            os.kill(pid, signal.SIGTERM)


@dataclass
class Watch:
    """The wall clock of one submission: after so many seconds its process is ended.

    `message` says so then; "" before.
    """

    seconds: float
    message: str = ""
    _pid: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __enter__(self) -> Watch:
        self._timer = threading.Timer(self.seconds, self._late)
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()

    def over(self, pid: int | None) -> None:
        """This process is what is watched now (None: nothing is)."""
        with self._lock:
            self._pid = pid
            if self.message and pid is not None:
                kill(pid)

    def _late(self) -> None:
        with self._lock:
            self.message = f"not finished after {self.seconds:g} s: stopped"
            if self._pid is not None:
                kill(self._pid)


def checked(errors: IO[bytes], status: int | None) -> str:
    """What to say of a process that ended like this; "" if all is well."""
    if status == 0:
        return ""
    how = "was killed" if status is None else f"ended with {status}"
    return f"the grading process {how}: {_last_line(errors)}"


def _last_line(errors: IO[bytes]) -> str:
    errors.seek(0)
    lines = errors.read()[-4000:].decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no message"
