"""The process that grades one submission: a request as JSON, a JSON line for each test.

Run with a request on standard input it grades that.  With a socket there (POSIX) it is a
nursery: it prepares what needs no submission, and forks a process for each request that comes
with the two files to write results and errors to.  Limits that the operating system keeps are
set in the grading process, so that nothing of the grader itself is bound by them.
"""

from __future__ import annotations

import gc
import json
import os
import re
import select
import signal
import socket
import stat
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

from simvirt.grade.known import Known
from simvirt.grade.lab import Lab, load_lab
from simvirt.grade.preparing import prepare
from simvirt.grade.trying import Trying

MAX_REQUEST = 1 << 16
Request = dict[str, Any]


def main() -> None:
    """Grade what the request names; each result is written as soon as it is known."""
    if stat.S_ISSOCK(os.fstat(0).st_mode):
        _nurse(socket.socket(fileno=0))
    else:
        request = json.loads(sys.stdin.buffer.read())
        _grade(request, load_lab(request["lab"]), Known())


# ---- one submission ------------------------------------------------------------------------------


def _grade(request: Request, lab: Lab, known: Known) -> None:
    """Say what the request's phase asks for: "compile" (whether it does), or "test"."""
    os.environ["SIMVIRT_SCRATCH"] = request["scratch"]
    tempfile.tempdir = request["scratch"]  # so that the grader clears up, even after a kill
    _limit(lab.memory, int(lab.seconds) + 1)
    start = time.perf_counter()
    trying = Trying(lab, Path(request["overlay"]), request["seed"], known)
    words = trying.compiles()  # in the phase "test" after "compile" all of that is in its cache
    now = time.perf_counter()
    _write({"timing": "compile", "seconds": now - start})
    if request["phase"] == "compile" and not words:
        _write({"memory": _peak()})
        return
    start = now
    for result in trying.all(words):
        now = time.perf_counter()
        _write({"test": vars(result), "seconds": now - start})
        start = now
    _write({"memory": _peak(), "complete": True})


def _write(value: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _limit(memory: int, seconds: int) -> None:
    """Soft limits only: the compiler sets limits of its own, above these."""
    if sys.platform == "win32":
        return
    import resource

    wanted = {resource.RLIMIT_CPU: seconds, resource.RLIMIT_CORE: 0}
    if sys.platform != "darwin":  # macOS refuses limits on address space
        wanted[resource.RLIMIT_AS] = memory
    for kind, value in wanted.items():
        _, hard = resource.getrlimit(kind)
        soft = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (soft, hard))


def _peak() -> int:
    """The most memory this process has used, in bytes; 0 where that is not known."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would tell of our parent's memory before exec, too
        found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
        return int(found[1]) * 1024 if found else 0
    if sys.platform == "win32":
        return 0
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


# ---- the nursery ---------------------------------------------------------------------------------


def _nurse(requests: socket.socket) -> None:
    """Serve requests until the grader closes its end; prepare while there are none."""
    hello = json.loads(requests.recv(MAX_REQUEST))
    lab, known, life = load_lab(hello["lab"]), Known(), os.pipe()
    steps: Iterator[None] | None = prepare(lab, hello["seed"], known)
    children: list[int] = []
    while True:
        ready, _, _ = select.select([requests], [], [], 0 if steps is not None else None)
        if ready:
            data, files, _, _ = socket.recv_fds(requests, MAX_REQUEST, 2)
            if not data:
                return
            pid = os.fork()
            if pid == 0:
                os.close(life[1])
                _keep(json.loads(data), lab, known, life[0], *files)
            for file in files:
                os.close(file)
            children = [*filter(_runs, children), pid]
        elif next(steps or iter(()), _DONE) is _DONE:
            steps = None


_DONE = object()


def _runs(pid: int) -> bool:
    """Is this child still there?  If not, its end is taken note of."""
    return os.waitpid(pid, os.WNOHANG) == (0, 0)


def _keep(
    request: Request, lab: Lab, known: Known, life: int, results: int, errors: int
) -> NoReturn:
    """Lead a process group of one that grades, and tell of its end, whatever it is.

    `life` is a pipe that the nursery has open for writing as long as it lives.
    """
    os.setsid()
    _tell(results, {"pid": os.getpid()})
    done, doing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(done)
        _redirect(results, errors)
        os._exit(_guarded(request, lab, known))
    os.close(doing)
    ready, _, _ = select.select([done, life], [], [])
    if done not in ready:  # the grader was killed: nobody wants to know any more
        os.killpg(0, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    _tell(results, {"ended": os.waitstatus_to_exitcode(status)})
    os._exit(0)


def _tell(file: int, value: dict[str, Any]) -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # nobody listens: nothing is left to do
    os.write(file, f"{json.dumps(value)}\n".encode())


def _redirect(results: int, errors: int) -> None:
    nothing = os.open(os.devnull, os.O_RDONLY)
    for file, standard in ((nothing, 0), (results, 1), (errors, 2)):
        os.dup2(file, standard)
        os.close(file)


def _guarded(request: Request, lab: Lab, known: Known) -> int:
    """Grade; the exit code.  Nothing registered for the nursery's end may run here."""
    gc.freeze()  # what the nursery made is not looked through again
    try:
        _grade(request, lab, known)
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
        return 1
    finally:
        sys.stderr.flush()
    return 0


if __name__ == "__main__":
    main()
