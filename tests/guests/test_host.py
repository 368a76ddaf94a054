"""The host kernel: its VM facility, its processes, its shell."""

import pytest

from simvirt.machine import Stop
from simvirt.virt.guests import open_guest
from simvirt.virt.stacks import HOST_FILES, Options, Stack, make_stack

BUDGET = 1_000_000_000


def boot(*commands: str, programs: tuple[str, ...] = HOST_FILES) -> tuple[Stop, Stack]:
    options = Options(commands=commands, programs=programs)
    stack = make_stack("hosted", [open_guest("hello")], options)
    return stack.machine.run(BUDGET), stack


def test_vm_facility() -> None:
    """Registers, faults, refusals, exact instruction counts, and the movable trap page."""
    stop, stack = boot("vmtest", programs=(*HOST_FILES, "vmtest"))
    assert (stop.reason, stop.code) == ("finished", 0)
    assert stack.layer_console == b"vmtest: passed\n"
    assert b"20! = 2432902008176640000" in stack.consoles[0]


def test_programs_run_beside_a_vm() -> None:
    stop, stack = boot("spin 1000 &", "hello", "cat rc", "ls")
    assert (stop.reason, stop.code) == ("finished", 0)
    text = stack.layer_console.decode()
    assert "vmm 0 hello.elf vm0.dtb &" in text, "cat shows the command file"
    assert "spin" in text
    assert "hello.elf" in text


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("nonsense", "nonsense"),
        ("vmm 7 hello.elf vm0.dtb", "7"),
        ("vmm 0 missing.elf vm0.dtb", "missing.elf"),
        ("cat missing", "missing"),
    ],
)
def test_a_bad_command_is_refused_and_the_rest_goes_on(command: str, message: str) -> None:
    stop, stack = boot(command)
    assert stop.reason == "finished"
    assert stop.code != 0, "init gives the highest exit code"
    assert message in stack.layer_console.decode()
    assert b"20! = 2432902008176640000" in stack.consoles[0]
