"""``simvirt run``: outcomes, exit codes, reports."""

import hashlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from isa.causes import describe
from isa.csrs import BY_NAME
from simvirt.cli import run
from simvirt.events import Event
from simvirt.machine import Stop
from simvirt.toolchain import guests_folder
from simvirt.virt.stacks import Stack
from tests.cli.conftest import COMMAND, Cli, environment, spawn

DEAD = ".globl _start\n_start:\n .word 0\n"
WAITS = ".globl _start\n_start:\n wfi\n j _start\n"
PASSES = ".globl _start\n_start:\n li t0, 0x100000\n li t1, 0x5555\n sw t1, 0(t0)\n"


def source(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


def test_hello_in_c_assembly_and_as_a_program(cli: Cli) -> None:
    assert "hello from the bare machine" in cli("run", "hello").out
    guests = Path(__file__).resolve().parents[2] / "guests" / "hello"
    for name in ("hello.c", "hello.S"):
        result = cli("run", guests / name)
        assert result.code == 0
        assert result.out.lower().startswith("hello")
        assert result.err == ""


@pytest.mark.parametrize("placement", ["bare", "hypervisor", "hosted"])
@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("int main(void) { return 0; }", 0),
        ("int main(void) { return 3; }", 1),
        ("int main(void) { return 256; }", 1),
        ("int main(void) { return -1; }", 1),
        ("int main(void) { return 133; }", 1),
        ("int main(void) { return *(volatile char *)8; }", 3),
    ],
)
def test_exit_code_of_a_c_program(
    cli: Cli, tmp_path: Path, placement: str, text: str, code: int
) -> None:
    assert cli("run", "--on", placement, source(tmp_path, "p.c", text)).code == code


@pytest.mark.parametrize("placement", ["bare", "hypervisor"])
@pytest.mark.parametrize("text", [DEAD, WAITS])
def test_a_death_is_explained(cli: Cli, tmp_path: Path, placement: str, text: str) -> None:
    result = cli("run", "--on", placement, source(tmp_path, "dead.S", text))
    assert result.code == 3
    assert "died" in result.err and "last events" in result.err


@pytest.mark.parametrize("placement", ["bare", "hypervisor", "hosted"])
def test_a_trap_that_the_runtime_reports_is_explained(
    cli: Cli, tmp_path: Path, placement: str
) -> None:
    text = "#include <stdlib.h>\nint main(void)\n{\n\treturn *(volatile int *)0x10;\n}\n"
    result = cli("run", "--on", placement, source(tmp_path, "null.c", text))
    assert result.code == 3
    for words in ("in main+", "null.c:4)", "load access fault", "address", "0x10, outside",
                  "M-mode", "instruction", "last events"):  # fmt: skip
        assert words in result.err


def test_the_other_vm_goes_on_and_the_worst_counts(cli: Cli, tmp_path: Path) -> None:
    dead, good = source(tmp_path, "dead.S", DEAD), source(tmp_path, "good.S", PASSES)
    result = cli("run", "--on", "hypervisor", "--json", "r.json", dead, good)
    assert result.code == 3
    report = json.loads((tmp_path / "r.json").read_text())
    assert [guest["ended"] for guest in report["guests"]] == ["died", "passed"]


def test_the_budget_is_named(cli: Cli, endless: Path) -> None:
    result = cli("run", "--max-steps", "1e6", endless)
    assert result.code == 4
    assert "budget of 1000000 steps" in result.err


def test_lines_of_several_vms_are_marked(cli: Cli) -> None:
    result = cli("run", "--on", "hypervisor", "--vms", "2", "hello")
    lines = result.out.splitlines()
    for prefix in ("vm0| ", "vm1| "):
        assert f"{prefix}hello from the bare machine" in lines
    assert all(line.startswith(("vm0| ", "vm1| ", "hypervisor| ")) for line in lines)
    quiet = cli("run", "-q", "--on", "hypervisor", "--vms", "2", "hello")
    assert "hypervisor|" not in quiet.out


def test_json(cli: Cli, tmp_path: Path) -> None:
    out = cli("run", "--json", "r.json", "--exits", "--on", "hypervisor", "-q", "hello").out
    report = json.loads((tmp_path / "r.json").read_text())
    console = report["consoles"][0]
    assert out.startswith(console["text"])
    assert console["sha256"] == hashlib.sha256(console["text"].encode()).hexdigest()
    assert (report["exit_code"], report["reason"]) == (0, "finished")
    exits = report["exits"]["0"]
    assert exits["mmio_uart"]["count"] > 10
    assert f"{exits['mmio_uart']['instructions']}" in out
    assert report["t"] > 0 and len(report["state_sha256"]) == 64
    assert report["last_trap"]["words"]
    again = cli("run", "--json", "s.json", "--on", "hypervisor", "-q", "hello")
    assert again.code == 0
    assert json.loads((tmp_path / "s.json").read_text())["state_sha256"] == report["state_sha256"]


def test_events(cli: Cli, tmp_path: Path) -> None:
    assert cli("run", "--events", "e.jsonl", "--on", "hypervisor", "hello").code == 0
    events = [json.loads(line) for line in (tmp_path / "e.jsonl").read_text().splitlines()]
    kinds = {event["kind"]: event for event in events}
    assert {"TRAP", "XRET", "MARK", "CSR_WRITE", "VM_EXIT", "VM_ENTRY"} <= kinds.keys()
    assert [e["t"] for e in events] == sorted(e["t"] for e in events)
    assert kinds["TRAP"]["cause_words"] == describe(kinds["TRAP"]["cause"])
    assert kinds["CSR_WRITE"]["csr"] in BY_NAME and "old" in kinds["CSR_WRITE"]
    assert kinds["VM_EXIT"] | {"vm": 0, "vcpu": 0, "reason": "mmio_finisher"} == kinds["VM_EXIT"]
    assert kinds["VM_ENTRY"]["mode"] in "USM"
    end = next(e for e in events if e.get("mark") == "VM_END")
    assert (end["vm"], end["ended"], end["code"]) == (0, "finisher", 0)


def test_an_event_reads_well() -> None:
    wfi = Event(7, "WFI", "M", "M", 0x80000000, 0, 0, 0, 9, 7, 0)
    assert f"{wfi}" == wfi.text() == "t=7            WFI        M    pc=0x80000000"
    fence = Event(7, "FENCE", "S", "S", 0x80000000, 0x1000, 3, 0, 9, 7, 0)
    assert fence.text().endswith("address=0x1000 asid=0x3")


def test_control_characters_are_shown(cli: Cli, tmp_path: Path) -> None:
    text = '#include <stdio.h>\nint main(void) { puts("a\\033[31m\\tb\\177\\302\\205"); return 0; }'
    assert cli("run", source(tmp_path, "p.c", text)).out == "a\\x1b[31m\tb\\x7f\\x85\n"
    assert spawn("run", "--raw", tmp_path / "p.c").stdout == b"a\x1b[31m\tb\x7f\xc2\x85\n"


def test_input_is_there_from_the_start(echo: Path) -> None:
    for placement in ("bare", "hypervisor", "hosted"):
        result = spawn("run", "-q", "--on", placement, echo, given=b"ab\nq")
        assert result.returncode == 0, result.stderr
        assert result.stdout == b"ready\n<97><98><10>"


def test_input_that_ends_leaves_the_guest_stuck(echo: Path) -> None:
    result = spawn("run", echo, given=b"a")
    assert result.returncode == 3
    assert b"waits" in result.stderr


def test_replaced_and_added_files_are_named(cli: Cli, tmp_path: Path) -> None:
    assert cli("new", "mine", "hello").code == 0
    (tmp_path / "mine" / "hello" / "more.h").write_text("#define MORE 1\n")
    changed = tmp_path / "mine" / "hello" / "hello.c"
    text = changed.read_text().replace("hello from", "greetings from")
    changed.write_text(f'#include "more.h"\n{text}')
    result = cli("run", "--guests", "mine", "--json", "r.json", "hello")
    assert result.out.startswith("greetings from")
    assert "replaced in hello: hello/hello.c" in result.err
    assert "added in hello: hello/more.h" in result.err
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["replaced"] == {"hello": ["hello/hello.c"]}
    assert report["added"] == {"hello": ["hello/more.h"]}
    built = cli("build", "--guests", "mine", "hello").out.splitlines()
    assert [line.strip() for line in built[-2:]] == [
        "replaced: hello/hello.c", "added: hello/more.h",
    ]  # fmt: skip


def test_files_replaced_in_a_users_program_are_named(cli: Cli, tmp_path: Path) -> None:
    source(tmp_path, "p.c", "#include <format.h>\nint main(void) { return 0; }")
    header = guests_folder() / "lib" / "format.h"
    (tmp_path / "mine" / "lib").mkdir(parents=True)
    (tmp_path / "mine" / "lib" / "format.h").write_text(header.read_text() + "/* mine */\n")
    assert "replaced in p: lib/format.h" in cli("run", "--guests", "mine", "p.c").err


def test_warnings_do_not_stop_a_users_file(cli: Cli, tmp_path: Path) -> None:
    path = source(tmp_path, "p.c", "int main(void) { int unused; return 0; }")
    for _ in range(2):  # compiled, and from the cache
        result = cli("run", path)
        assert result.code == 0
        assert result.err.count("warning: unused variable") == 1
    dated = source(tmp_path, "d.c", "int main(void) { return __DATE__[0] == 0; }")
    assert cli("run", dated).code == 2
    assert cli("new", "mine", "hello").code == 0
    changed = tmp_path / "mine" / "hello" / "hello.c"
    changed.write_text(changed.read_text() + "static int nobody(void) { return 1; }\n")
    result = cli("run", "--guests", "mine", "hello")
    assert result.code == 0 and "unused function" in result.err


def test_broken_isolation_is_no_success(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    real = run._drive

    def drive(one: Any, stack: Stack, budget: int) -> Stop:
        stop = real(one, stack, budget)
        stack.machine.state.set_mach("violations", 2)
        return stop

    monkeypatch.setattr(run, "_drive", drive)
    result = cli("run", "--on", "hypervisor", "hello")
    assert result.code == 3 and "isolation was broken: 2 accesses" in result.err


def test_ctrl_c_ends_the_process_at_once(endless: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "run", "--max-steps", "1e17", "--json", endless.with_name("r.json"), endless],
        env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    with pytest.raises(subprocess.TimeoutExpired):
        process.communicate(timeout=6)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=5)
    assert process.returncode == 130
    assert b"interrupted" in err and b"Traceback" not in err
    assert json.loads(endless.with_name("r.json").read_text())["exit_code"] == 130


def test_json_files_have_the_usual_mode(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "usual").touch()
    assert cli("run", "--json", "r.json", "hello").code == 0
    assert (tmp_path / "r.json").stat().st_mode == (tmp_path / "usual").stat().st_mode


def test_two_files_of_one_name(cli: Cli, tmp_path: Path) -> None:
    paths = []
    for number in (1, 2):
        (tmp_path / str(number)).mkdir()
        text = f'#include <stdio.h>\nint main(void) {{ puts("this is {number}"); return 0; }}'
        paths.append(source(tmp_path / str(number), "my prog.c", text))
    result = cli("run", "--on", "hosted", *paths)
    assert result.code == 0
    assert "vm0| this is 1" in result.out and "vm1| this is 2" in result.out


def test_without_a_compiler(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIMVIRT_CC", "none")
    result = spawn("run", source(tmp_path, "p.c", "int main(void) { return 0; }"))
    assert result.returncode == 2
    assert b"simvirt[cc]" in result.stderr and b"411 MB" in result.stderr
    assert spawn("run", source(tmp_path, "p.S", PASSES)).returncode == 0


def test_an_unwritable_cache_is_a_message(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SIMVIRT_CACHE", str(tmp_path / "file"))
    result = spawn("run", "hello")
    assert result.returncode == 2
    assert b"Traceback" not in result.stderr and b"internal" not in result.stderr


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full here")
def test_a_full_disk_is_a_message() -> None:
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [*COMMAND, "run", "hello"], stdout=full, stderr=subprocess.PIPE, env=environment(),
            stdin=subprocess.DEVNULL, timeout=60,
        )  # fmt: skip
    assert result.returncode == 2
    assert b"No space left" in result.stderr and b"Traceback" not in result.stderr
