"""Careless input: every command answers with a message and exit code 2, never with a traceback."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Cli

BAD = {
    "run": [
        ("run",), ("run", "nosuch"), ("run", "nosuch.c"), ("run", "folder"), ("run", "random.elf"),
        ("run", "empty.elf"), ("run", "other.elf"), ("run", "bad.c"),
        ("run", "none.c"), ("run", "none.S"), ("run", "vmm-core"),
        ("run", "--mem", "0", "hello"), ("run", "--mem", "1K", "hello"),
        ("run", "--mem", "many", "hello"), ("run", "--mem", "99999G", "hello"),
        ("run", "--on", "hypervisor", "--mem", "33M", "hello"), ("run", "--on", "mars", "hello"),
        ("run", "--vms", "0", "hello"), ("run", "--vms", "2", "hello"),
        ("run", "--vms", "-1", "hello"), ("run", "--vms", "1000", "hello"),
        ("run", "--on", "hosted", "--vms", "9", "hello"),
        ("run", "--on", "hypervisor", *["hello"] * 9),
        ("run", "--vms", "3", "hello", "uno"), ("run", "hello", "uno"),
        ("run", "--dtb", "random.elf", "hello"), ("run", "--dtb", "nosuch", "hello"),
        ("run", "--dtb", "folder", "hello"), ("run", "--events", "folder", "hello"),
        ("run", "--events", "no/such", "hello"), ("run", "--json", "folder", "hello"),
        ("run", "--json", "no/such.json", "hello"), ("run", "--max-steps", "0", "hello"),
        ("run", "--max-steps", "1.5", "hello"), ("run", "--max-steps", "inf", "hello"),
        ("run", "--guests", "nosuch", "hello"), ("run", "--guests", "other.elf", "hello"),
        ("run", "--nosuch", "hello"), ("run", "\0"),
    ],
    "compare": [
        ("compare", "--json", "folder"), ("compare", "--json", "no/such.json"),
        ("compare", "--guests", "nosuch"), ("compare", "--guests", "other.elf"),
        ("compare", "extra"),
    ],
    "isa": [
        ("isa", "nosuch"), ("isa", ""), ("isa", "sret", "mret"), ("isa", "--nosuch"),
        ("isa", "x" * 1000),
    ],
    "asm": [
        ("asm",), ("asm", "nosuch.S"), ("asm", "folder"), ("asm", "random.elf"), ("asm", "bad.c"),
        ("asm", "good.S", "-o", "folder"), ("asm", "good.S", "-o", "no/such.elf"),
    ],
    "disasm": [
        ("disasm",), ("disasm", "nosuch"), ("disasm", "folder"), ("disasm", "random.elf"),
        ("disasm", "123456789"), ("disasm", "12340001"),
    ],
    "build": [
        ("build", "nosuch"), ("build", "--guests", "nosuch"), ("build", "--guests", "other.elf"),
        ("build", ""), ("build", "--guests", "broken", "hello"),
    ],
    "new": [
        ("new",), ("new", "fresh", "nosuch"), ("new", "other.elf"), ("new", "used", "uno"),
        ("new", "other.elf/x", "uno"),
    ],
    "kernel": [
        ("kernel", "--variant", "nosuch"), ("kernel", "--variant", ""), ("kernel", "extra"),
        ("kernel", "--variant"), ("kernel", "--show", "--nosuch"),
    ],
    "doctor": [
        ("doctor", "extra"), ("doctor", "--nosuch"), ("doctor", ""), ("doctor", "-x"),
        ("doctor", "1", "2"),
    ],
    "none": [(), ("nosuch",), ("",), ("--nosuch",), ("run ",)],
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "folder").mkdir()
    (tmp_path / "random.elf").write_bytes(bytes(range(7, 256)) * 9)
    (tmp_path / "empty.elf").touch()
    (tmp_path / "other.elf").write_bytes(b"\x7fELF\2\1\1" + bytes(9) + b"\2\0\x3e\0" + bytes(99))
    (tmp_path / "bad.c").write_text("int main(void) { return x }\n")
    (tmp_path / "none.c").touch()
    (tmp_path / "none.S").touch()
    (tmp_path / "good.S").write_text(".globl _start\n_start:\n nop\n")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "guests.toml").write_text("[minos\n")
    (tmp_path / "used" / "uno").mkdir(parents=True)
    (tmp_path / "used" / "uno" / "main.c").touch()
    return tmp_path


@pytest.mark.parametrize(
    "arguments", [case for cases in BAD.values() for case in cases], ids=lambda a: " ".join(a)[:60]
)
def test_a_message_and_exit_code_2(cli: Cli, folder: Path, arguments: tuple[str, ...]) -> None:
    before = set(folder.rglob("*"))
    result = cli(*arguments)
    assert result.code == 2
    assert len(result.err) > 20 or not arguments
    assert set(folder.rglob("*")) == before


def test_messages_name_what_is_wrong(cli: Cli, folder: Path) -> None:
    assert "define main or _start" in cli("run", "none.c").err
    assert "1 to 8" in cli("run", "--vms", "9", "hello").err
    result = cli("new", "/proc/x", "vmm")
    assert result.code == 2 and "/proc/x" in result.err and "SIMVIRT_CACHE" not in result.err
    assert "LAYER" not in cli("new").err.splitlines()[-1]


def test_every_command_has_five_careless_inputs() -> None:
    assert all(len(cases) >= 5 for cases in BAD.values())


@pytest.mark.parametrize("options", [("--mem", "0"), ("--vms", "0"), ("--on", "mars")])
def test_json_is_written_though_the_input_is_unusable(
    cli: Cli, tmp_path: Path, options: tuple[str, str]
) -> None:
    assert cli("run", "--json", "out.json", *options, "hello").code == 2
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["schema"], report["exit_code"]) == ("simvirt/run/1", 2)
    assert report["reason"] == "input"
    assert options[1] in report["message"]


def test_an_internal_error_names_a_report(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    import simvirt.cli as package
    from simvirt.cli import messages

    def broken(_arguments: object) -> None:
        raise ZeroDivisionError("planted")

    said: list[str] = []
    monkeypatch.setattr(package, "parse", broken)
    monkeypatch.setattr(messages, "say", said.append)
    assert package.main(["run"]) == 5
    report = Path(said[1].rsplit(": ", 1)[1])
    assert "ZeroDivisionError: planted" in report.read_text()
    report.unlink()
