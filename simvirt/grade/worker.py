"""The process that grades one submission: a request on standard input, a JSON line a test.

Limits that the operating system keeps are set here, so that nothing of the grader itself is
bound by them.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

from simvirt.grade.lab import load_lab
from simvirt.grade.trying import Trying


def main() -> None:
    """Grade what the request names; each result is written as soon as it is known."""
    request = json.loads(sys.stdin.buffer.read())
    lab = load_lab(request["lab"])
    _limit(lab.memory, int(lab.seconds) + 1)
    trying = Trying(lab, Path(request["overlay"]), request["seed"])
    for result in trying.all():
        _write({"test": vars(result)})
    _write({"memory": _peak()})


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


if __name__ == "__main__":
    main()
