"""The small commands, and the pieces of the console."""

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest

from simvirt.cli.escape import Escaper, visible
from simvirt.cli.keyboard import Stream
from simvirt.cli.keys import Keys
from simvirt.cli.output import Output
from tests.cli.conftest import COMMAND, Cli, environment


def test_help_is_fast_and_imports_nothing_heavy() -> None:
    code = "import sys; from simvirt.cli import main; main(['--help']); " \
           "sys.exit(any(m in sys.modules for m in ('numba', 'numpy', 'elftools')))"  # fmt: skip
    subprocess.run([sys.executable, "-c", code], env=environment(), check=True, timeout=20)
    best = 9.0
    for _ in range(3):
        start = time.monotonic()
        subprocess.run([*COMMAND, "--help"], env=environment(), check=True, timeout=20,
                       stdout=subprocess.DEVNULL)  # fmt: skip
        best = min(best, time.monotonic() - start)
    assert best < 0.3


@pytest.mark.parametrize("command", ["run", "compare", "isa", "asm", "disasm", "build", "new",
                                     "doctor", "kernel"])  # fmt: skip
def test_every_command_explains_itself(cli: Cli, command: str) -> None:
    result = cli(command, "--help")
    assert result.code == 0 and "exit codes:" in result.out


def test_version(cli: Cli) -> None:
    assert cli("--version").out.startswith("simvirt ")


def test_isa(cli: Cli) -> None:
    assert "sret" in cli("isa").out
    assert "sret" in cli("isa", "sret").out.splitlines()[0]
    assert "mstatus" in cli("isa", "mstatus").out
    assert "Theorem 1" in cli("isa", "sensitivity").out
    assert "wfi" in cli("isa", "choices").out
    assert "Sv39" in cli("isa", "--card").out
    assert "nearest" in cli("isa", "srett").err


def test_asm_and_disasm(cli: Cli, tmp_path: Path) -> None:
    source = tmp_path / "p.S"
    source.write_text(".globl _start\n_start:\n addi a0, a0, 1\n j _start\n")
    assert "addi a0, a0, 1" in cli("asm", source).out
    assert cli("asm", source, "-o", "p.elf").code == 0
    out = cli("disasm", "p.elf").out
    assert "_start:" in out and "addi a0, a0, 1" in out
    assert "nop" in cli("disasm", "0x00000013").out
    assert cli("disasm", "4501", "00150513").out.splitlines()[1].startswith("  0x80000002")
    assert cli("run", "--max-steps", "1000", "p.elf").code == 4


def test_mistakes_of_assembly_name_their_line(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "p.S").write_text("nop\n adddi a0, a0, 1\n")
    assert "p.S:2:" in cli("asm", "p.S").err


def test_build_and_new(cli: Cli, tmp_path: Path) -> None:
    assert "hello" in cli("build", "hello").out
    assert cli("new", "lab", "vmm").code == 0
    assert (tmp_path / "lab" / "vmm" / "core" / "shadow.c").is_file()
    assert cli("build", "--guests", "lab", "hypervisor").code == 0


def test_doctor(cli: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    result = cli("doctor")
    assert result.code == 0
    assert "numba" in result.out and "compiler" in result.out
    (tmp_path / "file").touch()
    monkeypatch.setenv("SIMVIRT_CACHE", str(tmp_path / "file" / "cache"))
    broken = cli("doctor")
    assert broken.code == 2
    assert "SIMVIRT_CACHE" in broken.out


def test_kernel(cli: Cli) -> None:
    assert "def run(" in cli("kernel", "--show").out
    assert "emit(m, K_RETIRE" in cli("kernel", "--show", "--variant", "traced").out
    assert "compiled" in cli("kernel").out


# ---- pieces ----------------------------------------------------------------------------------


def test_escaping() -> None:
    assert visible(b"a\x00\x1b[1m\r\n\t\xff\xe2\x82\xac") == "a\\x00\\x1b[1m\r\n\t\\xff€"
    assert visible("\u202eabc".encode()) == "\\u202eabc"
    escaper = Escaper()
    assert [escaper.feed(b"\xe2\x82"), escaper.feed(b"\xacx")] == ["", "€x"]


def written(live: bool, *events: tuple[int, bytes]) -> bytes:
    stream = io.BytesIO()
    output = Output(["layer| ", "vm0| ", "vm1| "], stream, live=live)
    sinks = [output.sink(n) for n in range(3)]
    for console, data in events:
        for byte in data:
            sinks[console](byte)
        output.drain()
    output.finish()
    return stream.getvalue()


def test_lines_of_several_consoles_never_mix() -> None:
    events = [(1, b"one "), (2, b"two\n"), (1, b"three\n"), (0, b"up"), (2, b"\n")]
    assert written(False, *events) == b"vm1| two\nvm0| one three\nvm1| \nlayer| up\n"
    assert written(True, *events) == (b"vm0| one \nvm1| two\nvm0| three\nlayer| up\nvm1| \n")


def test_keys() -> None:
    keys = Keys()
    assert list(keys.feed(b"ab\x01")) == [("send", b"ab")]
    assert list(keys.feed(b"Xc\x01c\x01\x01")) == [
        ("quit", b""), ("send", b"c"), ("switch", b""), ("send", b"\x01"),
    ]  # fmt: skip
    assert list(keys.feed(b"\x01z")) == [("help", b"")]


def test_a_stream_is_read_to_its_end(tmp_path: Path) -> None:
    path = tmp_path / "input"
    path.write_bytes(b"x" * 100_000)
    with path.open("rb") as file:
        assert Stream(file.fileno()).first() == (b"x" * 100_000, True)
