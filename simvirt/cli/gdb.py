"""``simvirt gdb``: the machine, stopped before its first instruction, in a stock gdb."""

from __future__ import annotations

import argparse
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
from pathlib import Path

from simvirt.cli import disks, loading
from simvirt.cli.messages import say
from simvirt.errors import InputError
from simvirt.gdb.server import Listener, Server
from simvirt.simulation import Simulation
from simvirt.toolchain import guests_folder

PROGRAMS = ("gdb-multiarch", "riscv64-unknown-elf-gdb", "riscv64-linux-gnu-gdb",
            "riscv64-elf-gdb")  # fmt: skip
_MISSING = (
    "no gdb for RISC-V is installed (looked for {}); on Debian and Ubuntu: "
    "`sudo apt install gdb-multiarch`, on macOS `brew install riscv64-elf-gdb`; "
    "or let any other connect to `simvirt run --gdb 0 GUEST`"
)
# schedule-multiple: what runs is one machine, so all of its layers go on together
_START = """\
set confirm off
set pagination off
set print thread-events off
set schedule-multiple on
set debuginfod enabled off
{directories}
define goto
monitor goto $arg0
maintenance flush register-cache
end
document goto
Go to a step of the machine: goto T.
end
target remote {where}
{describe}stepi 0
"""
# stepi 0 takes no step: without it, who goes on from another inferior first would wait for ever,
# because for gdb the first inferior is still being connected to, and its stops are not shown.
# gdb asks for the description of the first inferior only, unless it is told to
_DESCRIBE = "inferior {}\nunset tdesc filename\n"
FOREVER = 1 << 60
_PATIENCE = 5  # seconds that a machine has to come out


def main(options: argparse.Namespace) -> int:
    """Load what `run` would, start gdb on it; 0 unless gdb says that a command failed."""
    program = find_gdb()
    stack = loading.load(options)
    if not options.quiet:
        stack.machine.notice = say
    stack.machine.run(0)  # compiles or loads the kernel: gdb would wait for its first answer
    with tempfile.TemporaryDirectory(prefix="simvirt-gdb-") as folder:
        listener = Listener(_address(folder))
        server = Server(Simulation(stack), listener)
        stack.machine.live_input = True
        for console in stack.machine.consoles:
            console.sink = server.console
        machine = _Machine(server)
        machine.start()
        start = Path(folder) / "start.gdb"
        files = [name for name in options.guest if Path(name).exists()]
        start.write_text(_start_script(server, listener.where, files))
        try:
            code = _run_gdb([program, "-q", "-x", str(start), *_arguments(options)])
        finally:
            server.close()
            machine.join(_PATIENCE)
            disks.save_disks(stack)
    if machine.error is not None:
        raise machine.error
    return code


def _start_script(server: Server, where: str, files: list[str]) -> str:
    others = range(len(server.stub.processes.all), 1, -1)
    describe = "".join(_DESCRIBE.format(n) for n in [*others, 1]) if others else ""
    folders = dict.fromkeys([guests_folder(), *(Path(name).resolve().parent for name in files)])
    directories = "\n".join(f"directory {folder}" for folder in folders)
    return _START.format(directories=directories, where=where, describe=describe)


def find_gdb() -> str:
    """The first gdb on PATH that knows RISC-V.  Raises InputError with what to install."""
    for name in PROGRAMS:
        found = shutil.which(name)
        if found is not None:
            return found
    raise InputError(_MISSING.format(", ".join(PROGRAMS)))


def _address(folder: str) -> str:
    return f"unix:{folder}/socket" if hasattr(socket, "AF_UNIX") else "0"


def _arguments(options: argparse.Namespace) -> list[str]:
    arguments = ["-batch"] if options.batch else []
    for script in options.command_file:
        arguments += ["-x", str(script)]
    for command in options.execute:
        arguments += ["-ex", command]
    return arguments


class _Machine(threading.Thread):
    """Serves gdb until it has gone; what goes wrong is kept, and ends the connection."""

    def __init__(self, server: Server) -> None:
        super().__init__(name="machine", daemon=True)
        self._server = server
        self.error: BaseException | None = None

    def run(self) -> None:
        """The thread."""
        try:
            while self._server.run(FOREVER).reason == "interrupted":
                pass
        except BaseException as error:  # noqa: BLE001  (raised again in the main thread)
            self.error = error
        finally:
            self._server.close()


def _run_gdb(command: list[str]) -> int:
    """gdb has the terminal, and Ctrl-C is its; who ends us politely ends gdb, too."""

    def end(*_: object) -> None:
        raise KeyboardInterrupt

    # SIGINT is not ignored: gdb would inherit that
    wanted = {"SIGINT": lambda *_: None, "SIGTERM": end, "SIGHUP": end}
    numbers = {getattr(signal, n): act for n, act in wanted.items() if hasattr(signal, n)}
    saved = {number: signal.signal(number, act) for number, act in numbers.items()}
    try:
        return 0 if subprocess.run(command, check=False).returncode == 0 else 1
    finally:
        for number, act in saved.items():
            signal.signal(number, act)
