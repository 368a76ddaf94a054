"""Run a command under limits on memory, processor time and file size (POSIX only).

Run as a script in a process of its own, since limits set here would stay with the caller:
``python limited.py MEMORY_BYTES CPU_SECONDS COMMAND [ARGUMENT ...]``.
"""

import os
import resource
import sys

_MAX_OUTPUT = 256 << 20


def main() -> None:
    """Set the limits and become the command."""
    memory, seconds, command = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    resource.setrlimit(resource.RLIMIT_FSIZE, (_MAX_OUTPUT, _MAX_OUTPUT))
    if sys.platform != "darwin":  # macOS refuses limits on address space
        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    os.execv(command[0], command)


if __name__ == "__main__":
    main()
