"""The console on a terminal: keys, escapes, Ctrl-C, pacing.  Needs pseudo-terminals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import COMMAND, environment

if sys.platform == "win32":
    pytest.skip("pseudo-terminals are POSIX", allow_module_level=True)

import pty
import select
import termios

START = 90.0  # seconds: the first run of all compiles the kernel


class Terminal:
    """A command on a terminal of its own."""

    def __init__(self, *arguments: object) -> None:
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _LEADER, *COMMAND, *map(str, arguments)],
            stdin=self.slave, stdout=self.slave, stderr=self.slave, env=environment(),
            start_new_session=True,
        )  # fmt: skip
        self.seen = b""

    def expect(self, text: bytes, seconds: float = 10.0) -> None:
        """Read until the text has come."""
        end = time.monotonic() + seconds
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], max(0, end - time.monotonic()))
            assert ready, f"{text!r} did not come; seen: {self.seen!r}"
            self.seen += os.read(self.master, 4096)

    def type(self, keys: bytes) -> None:
        os.write(self.master, keys)

    def end(self, seconds: float = 10.0) -> int:
        """The exit code; the terminal must be as it was."""
        code = self.process.wait(seconds)
        while select.select([self.master], [], [], 0.05)[0]:
            self.seen += os.read(self.master, 4096)
        assert termios.tcgetattr(self.slave) == self.before
        return code


# The terminal becomes the controlling one, as in a shell; then the command takes over.
_LEADER = """
import fcntl, os, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.argv[1], sys.argv[1:])
"""


@pytest.fixture
def terminal() -> Iterator[Callable[..., Terminal]]:
    made: list[Terminal] = []

    def make(*arguments: object) -> Terminal:
        made.append(Terminal(*arguments))
        return made[-1]

    yield make
    for one in made:
        one.process.kill()
        one.process.wait()
        os.close(one.master)
        os.close(one.slave)


def test_keys_reach_the_guest_and_escapes_do_not(
    terminal: Callable[..., Terminal], echo: Path
) -> None:
    console = terminal("run", echo)
    console.expect(b"Ctrl-A X quits, Ctrl-A H helps", START)
    console.expect(b"ready", START)
    console.type(b"a")
    console.expect(b"<97>")
    console.type(b"\r\x1a\x1c")  # Enter, Ctrl-Z, Ctrl-\ are the guest's
    console.expect(b"<13><26><28>")
    console.type(b"\x01a")
    console.expect(b"<1>")
    console.type(b"\x01h")
    console.expect(b"Ctrl-A C  send keys to the next console")
    console.type(b"\x01x")
    assert console.end() == 0
    assert b"quit at t=" in console.seen
    assert b"<120>" not in console.seen


def test_the_guest_ends_the_session(terminal: Callable[..., Terminal], echo: Path) -> None:
    console = terminal("run", echo)
    console.expect(b"ready", START)
    console.type(b"q")
    assert console.end() == 0


def test_ctrl_c_stops_a_busy_guest_at_once(
    terminal: Callable[..., Terminal], endless: Path
) -> None:
    console = terminal("run", "--max-steps", "1e17", endless)
    console.expect(b"Ctrl-A H", START)
    time.sleep(2.5)
    start = time.monotonic()
    console.type(b"\x03")
    console.expect(b"interrupted at t=", 5)
    passed = time.monotonic() - start
    assert console.end() == 130
    assert passed < 0.2


def test_ctrl_c_stops_a_waiting_guest(terminal: Callable[..., Terminal], echo: Path) -> None:
    console = terminal("run", echo)
    console.expect(b"ready", START)
    console.type(b"\x03")
    assert console.end(5) == 130


def test_a_polite_kill_restores_the_terminal(terminal: Callable[..., Terminal], echo: Path) -> None:
    console = terminal("run", echo)
    console.expect(b"ready", START)
    os.kill(console.process.pid, signal.SIGTERM)
    assert console.end(5) == 130


def test_consoles_of_several_vms(terminal: Callable[..., Terminal], echo: Path) -> None:
    console = terminal("run", "--on", "hypervisor", "--vms", "2", echo)
    console.expect(b"vm1| ready", START)
    console.type(b"a")
    console.expect(b"vm0| <97>")
    console.type(b"\x01cb")
    console.expect(b"keys go to vm1")
    console.expect(b"vm1| <98>")
    console.type(b"q\x01c")
    console.expect(b"keys go to the hypervisor")
    console.type(b"\x01cq")
    assert console.end() == 0


SLEEP = """
#include <board.h>
#include <csr.h>
#include <stdio.h>
#include <types.h>

int main(void)
{
	volatile u64 *cmp = (volatile u64 *)(BOARD_CLINT + 0x4000);

	puts("sleeping");
	*cmp = *(volatile u64 *)(BOARD_CLINT + 0xbff8) + BOARD_TIMEBASE;
	csr_write(CSR_MIE, MIE_MTIE);
	__asm__ volatile("wfi");
	puts("awake");
	return 0;
}
"""


def test_a_second_takes_a_second_on_a_terminal_only(
    terminal: Callable[..., Terminal], tmp_path: Path
) -> None:
    path = tmp_path / "sleep.c"
    path.write_text(SLEEP)
    command = [*COMMAND, "run", str(path)]
    subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, check=True, timeout=START)
    console = terminal("run", path)
    console.expect(b"sleeping", START)
    start = time.monotonic()
    console.type(b"x" * 3)  # input cuts the pause in two, but does not lengthen it
    console.expect(b"awake")
    assert 0.8 < time.monotonic() - start < 2.5
    assert console.end() == 0


def test_ctrl_c_without_a_terminal(endless: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "run", "--max-steps", "1e17", "--json", str(endless.with_name("r.json")),
         str(endless)],
        env=environment(), stdin=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    time.sleep(4)
    start = time.monotonic()
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert process.returncode == 130
    assert b"Traceback" not in err
    assert time.monotonic() - start < 2  # the report holds a hash of all memory
    assert '"interrupted"' in endless.with_name("r.json").read_text()


def test_a_signal_that_the_process_was_told_to_ignore(echo: Path) -> None:
    """As `nohup` does: the run goes on to its end."""
    process = subprocess.Popen(
        [*COMMAND, "run", str(echo)], env=environment(), stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(b"aq", timeout=60)
    assert (process.returncode, out) == (0, b"<97>")


def test_a_reader_that_leaves_is_no_error() -> None:
    process = subprocess.Popen(
        [*COMMAND, "run", "minos"], env=environment(), stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None and process.stderr is not None
    process.stdout.read(10)
    process.stdout.close()
    assert process.wait(60) == 141
    assert b"Traceback" not in process.stderr.read()
    process.stderr.close()
