"""A stock gdb on real stacks, started as a user does, or connected to a waiting machine."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simvirt.cli import main
from simvirt.cli.gdb import PROGRAMS
from simvirt.toolchain import guests_folder
from tests.cli.conftest import COMMAND, environment

GDB = next(filter(None, map(shutil.which, PROGRAMS)), None)
pytestmark = pytest.mark.skipif(GDB is None, reason=f"none of {', '.join(PROGRAMS)} is installed")
PLACEMENTS = pytest.mark.parametrize("placement", ["bare", "hypervisor", "hosted"])
PATIENCE = 120  # seconds after which something hangs

TRAP = """
        .globl _start
_start: la      t0, handler
        csrw    mtvec, t0
here:   ecall
after:  j       after
        .balign 4
handler:
        csrr    t1, mcause
stop:   j       stop
"""

BUSY = """
        .globl _start
_start: li      t0, 0x10000000
        li      t1, 'g'
        sb      t1, 0(t0)
        li      t1, '\\n'
        sb      t1, 0(t0)
busy:   addi    a0, a0, 1
        j       busy
"""


def debug(tmp_path: Path, script: str, *arguments: str) -> str:
    """What gdb says to a script, under `simvirt gdb`."""
    file = tmp_path / "script.gdb"
    file.write_text(script)
    done = subprocess.run(
        [*COMMAND, "gdb", "-q", "--batch", "-x", str(file), *arguments], cwd=tmp_path,
        env=environment(), text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    assert "Traceback" not in done.stdout and done.returncode == 0, done.stdout
    return done.stdout


def after(text: str, marker: str) -> str:
    """What was said between `echo MARKER` and the next one."""
    return text.split(f"=={marker}\n", 1)[1].split("\n==", 1)[0]


GUEST = """
break process_spawn
continue
echo ==bt\\n
backtrace
echo ==list\\n
list process_spawn
echo ==print\\n
print last_pid
print/x program
echo ==mstatus\\n
info registers mstatus
print $sstatus
echo ==watch\\n
delete
watch last_pid
continue
backtrace 1
echo ==again\\n
print last_pid
echo ==back\\n
reverse-continue
print last_pid
delete
echo ==t\\n
monitor t
echo ==walk\\n
eval "monitor walk %lu", &last_pid
echo ==exits\\n
monitor exits
echo ==why\\n
monitor why
echo ==vms\\n
monitor vms
echo ==console\\n
monitor console 0
echo ==end\\n
"""


@PLACEMENTS
def test_a_guest_kernel_in_every_placement(tmp_path: Path, placement: str) -> None:
    text = debug(tmp_path, GUEST, "--on", placement, "minos")
    frames = after(text, "bt")
    assert re.search(r"#0 +process_spawn \(.*\) at minos/process.c:\d+", frames)
    assert re.search(r"#1 .*kernel_main \(.*\) at minos/main.c:\d+", frames)
    source = (guests_folder() / "minos/process.c").read_text().splitlines()
    listed = [line.partition("\t")[::2] for line in after(text, "list").splitlines()]
    assert len(listed) == 10
    assert all(source[int(number) - 1] == line for number, line in listed)
    assert after(text, "print").split() == ["$1", "=", "0", "$2", "=", "0x0"]
    assert re.match(
        r"mstatus +0x\w+\t\[.*MPP=\d.*UXL=2.*\]\n\$3 = \[.*UXL=2", after(text, "mstatus")
    )
    watched = after(text, "watch")
    assert "Old value = 0\nNew value = 1\n" in watched and "process_spawn" in watched
    assert after(text, "again") == "$4 = 1"
    assert "$5 = 0" in after(text, "back"), "it has not been counted yet"
    assert re.match(r"t=[\d,]+ pc=0x8000\w+ in process", after(text, "t"))
    walk = after(text, "walk")
    columns = 2 if placement == "bare" else 3
    assert walk.partition("physical map")[0].count("|") == 1
    assert ("| shadow table" in walk) == (columns == 3)
    assert ("shadow" in walk) == (placement != "bare")
    assert ("csr" in after(text, "exits")) == (placement != "bare")
    assert "handled by" in after(text, "why") or placement == "bare"
    assert "minos" in after(text, "vms")
    assert "minos: starting" in after(text, "console")


@pytest.mark.parametrize("placement", ["hypervisor", "hosted"])
def test_a_step_into_the_layer_below_and_its_symbols(tmp_path: Path, placement: str) -> None:
    script = """
break process_spawn
continue
delete
set $n = 0
while $_inferior != 1 && $n < 5000
  stepi
  set $n = $n + 1
end
echo ==where\\n
info symbol $pc
info threads
echo ==guest\\n
inferior 2
backtrace
echo ==next\\n
inferior 1
break trap.c:1
break emulate_csr
continue
backtrace
next
info inferiors
echo ==end\\n
"""
    text = debug(tmp_path, script, "--on", placement, "minos")
    assert "trap_entry in section .text" in after(text, "where") or placement == "hosted"
    threads = after(text, "where")
    assert re.search(r"\* 1\.1 .*\(runs in [MS]\)", threads)
    assert re.search(r" 2\.1 .*vm0 minos.*waits, virtual S.* at minos/", threads)
    assert re.search(r"#0 .* at minos/\w+\.[cS]:\d+", after(text, "guest"))
    assert re.search(r"#\d .*vm_run \(.*\) at vmm/core/run.c:\d+", after(text, "next"))


def test_the_first_resume_may_come_from_a_guest(tmp_path: Path) -> None:
    script = "inferior 2\nbreak emulate_csr\ncontinue\necho ==\\n\nmonitor t\nbacktrace 1\n"
    text = debug(tmp_path, script, "--on", "hypervisor", "minos")
    assert "process 1 (hypervisor)" in text.split("==\n")[1]
    assert re.search(r"#0 +emulate_csr \(.*\) at vmm/core", text.split("==\n")[1])


def test_stepi_at_an_ecall_lands_in_the_trap_handler(tmp_path: Path) -> None:
    (tmp_path / "trap.S").write_text(TRAP)
    script = """
break here
continue
stepi
echo ==handler\\n
info symbol $pc
info registers priv
print $mcause
print $mepc == &here
echo ==back\\n
reverse-stepi
info symbol $pc
echo ==end\\n
"""
    text = debug(tmp_path, script, "trap.S")
    handler = after(text, "handler")
    assert handler.startswith("handler in section .text")
    assert "prv:3 [Machine]" in handler
    assert "[ CODE=11 ]" in handler
    assert handler.endswith("= 1") or "void" in handler
    assert "here in section .text" in after(text, "back")


def test_ctrl_c_in_the_terminal_stops_the_machine_and_not_simvirt(tmp_path: Path) -> None:
    (tmp_path / "busy.S").write_text(BUSY)
    script = tmp_path / "script.gdb"
    script.write_text("continue\necho ==\\n\nprint $a0 > 0\ninfo symbol $pc\nkill\n")
    command = [*COMMAND, "gdb", "-q", "--batch", "-x", str(script), "busy.S"]
    process = subprocess.Popen(
        command, cwd=tmp_path, env=environment(), stdin=subprocess.DEVNULL, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if line == "g\n":  # what the guest has written: it runs
            os.killpg(process.pid, signal.SIGINT)
    process.stdout.close()
    assert process.wait(PATIENCE) == 0, said
    assert "SIGINT" in said
    assert "= 1\nbusy" in said.split("==\n")[1]


if sys.platform == "win32":
    del test_ctrl_c_in_the_terminal_stops_the_machine_and_not_simvirt


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A machine that waits for a debugger, and where."""
    process = subprocess.Popen(
        [*COMMAND, "run", "--gdb", "0", "--on", "hypervisor", "minos"], cwd=tmp_path, text=True,
        env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    line = ""
    while "target remote " not in line:
        line = process.stderr.readline()
        assert line, "it ended before it was waiting"
    yield line.split("target remote ")[1].strip(), process
    process.kill()
    process.communicate()


def test_target_remote_alone_finds_symbols_and_stops(
    waiting: tuple[str, subprocess.Popen[str]], tmp_path: Path
) -> None:
    where, process = waiting
    assert GDB is not None
    commands = [f"target remote {where}", "break process_spawn", "continue", "bt", "delete",
                "detach inferiors 1 2"]  # fmt: skip
    arguments = [part for command in commands for part in ("-ex", command)]
    done = subprocess.run(
        [GDB, "-nx", "-q", "-batch", *arguments], cwd=tmp_path, capture_output=True, text=True,
        timeout=PATIENCE, stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert re.search(r"#1 .*kernel_main \(.*\) at minos/main.c", done.stdout), done.stdout
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert "all 9 workloads passed" in out, "after the detach it ran to its end"


def test_without_gdb_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert main(["gdb", "minos"]) == 2
    said = capsys.readouterr().err
    assert "apt install gdb-multiarch" in said and "simvirt run --gdb" in said


def test_gdb_and_an_input_script_exclude_each_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "script").write_text("")
    assert main(["run", "--gdb", "0", "--input-script", str(tmp_path / "script"), "minos"]) == 2
    assert "give one of them" in capsys.readouterr().err
