"""Wild jumps: the report of a death says who jumped to where there is no code."""

from pathlib import Path

import pytest

from simvirt.loader import load_elf
from simvirt.toolchain import build
from simvirt.virt import wild
from simvirt.virt.guests import guest_source, open_guest
from simvirt.virt.postmortem import Witness, explain
from simvirt.virt.stacks import Options, make_stack
from tests.virt.runs import BUDGET, PLACEMENTS, program

PROGRAM = """
typedef void (*function)(int);
volatile function handler = (function){address};
__attribute__((noinline)) static int work(int n)
{{
	handler(n);
	return n + 1;
}}
int main(void)
{{
	return work(3);
}}
"""
HOOK = "static void (*volatile hook)(void) = (void (*)(void)){address};\n"
BEGIN = "void system_call(struct process *p)\n{\n"
WITHOUT_HANDLER = "_start:\n la ra, _start\n nop\nhere: li a0, {address}\n jalr ra, 0(a0)\n"
ADDRESSES = {"null": 0, "garbage": 0x1_2345_6780}


def death(placement: str, guest: object, options: Options | None = None) -> tuple[str, Witness]:
    """Run a guest that dies: the report, and the witness of it."""
    stack = make_stack(placement, [guest], options)
    witness = Witness.attach(stack)
    return explain(witness, stack.machine.run(BUDGET)), witness


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_of_a_c_program(placement: str, address: int, tmp_path: Path) -> None:
    """Its runtime takes a fresh stack and saves nothing; the report has the line nevertheless."""
    path = tmp_path / "wild.c"
    path.write_text(PROGRAM.format(address=address))
    text, _ = death(placement, open_guest(str(path)))
    assert f"{address:#x}" in text
    assert "in no known function" in text
    [line] = [line for line in text.splitlines() if "jumped from" in line]
    assert "work+0x" in line and "wild.c:6)" in line and "`c.j" in line


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("address", ADDRESSES.values(), ids=ADDRESSES)
def test_of_a_kernel(placement: str, address: int, tmp_path: Path) -> None:
    """Its processes run outside the kernel's code, too, and trap there; that is not meant."""
    folder = kernel(tmp_path, address)
    text, _ = death(placement, open_guest("minos", folder), Options(guests_dir=folder))
    [line] = [line for line in text.splitlines() if "jumped from" in line]
    assert "system_call+0x" in line and "minos/syscall.c:" in line and "c.jalr" in line


def kernel(folder: Path, address: int) -> Path:
    """Sources of minos with a call through a pointer in its system call."""
    text = guest_source("minos/syscall.c").decode()
    assert text.count(BEGIN) == 1
    text = text.replace(BEGIN, f"{HOOK.format(address=address)}{BEGIN}\thook();\n")
    (folder / "minos").mkdir()
    (folder / "minos" / "syscall.c").write_text(text)
    return folder


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_of_a_guest_without_a_handler(placement: str) -> None:
    """mtvec leads nowhere: thousands of traps later the jump is still found."""
    text, _ = death(placement, program(WITHOUT_HANDLER.format(address=0x4000_0000)))
    [line] = [line for line in text.splitlines() if "jumped from" in line]
    assert "by `jalr" in line or "by `c.jalr" in line
    assert "here" in line


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_what_is_left_tells_where_it_cannot_be_run_again(
    placement: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wild, "LONGEST", 0)
    folder = kernel(tmp_path, ADDRESSES["garbage"])
    text, _ = death(placement, open_guest("minos", folder), Options(guests_dir=folder))
    assert "probably system_call+0x" in text and "saved beside this pc" in text
    text, _ = death(placement, program(WITHOUT_HANDLER.format(address=0x4000_0000)))
    assert "jumped from" not in text  # nobody has saved anything


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_trap_is_no_jump(placement: str) -> None:
    text, _ = death(placement, program("_start: sd zero, 0(zero)\n"))
    assert "no jump: `sd zero, 0(zero)" in text
    assert "in _start trapped, and the address for traps leads here" in text


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_trap_in_code_has_no_such_line(placement: str) -> None:
    text, _ = death(placement, program("_start: la t0, h\n csrw mtvec, t0\nh: sd zero, 0(zero)\n"))
    assert "jumped from" not in text
    assert "in h" in text


def test_calls_are_told_by_their_bits() -> None:
    """Every return address in our kernel follows a call, and direct ones have their callee."""
    image = load_elf(build(["minos"])["minos"].path)
    main = image.address_of("kernel_main")
    calls = [wild.call_before(image, main + 2 * i) for i in range(40)]
    direct = [call for call in calls if call is not None and call.target is not None]
    assert direct
    for call in direct:
        place = image.symbol_at(call.target)
        assert place is not None and place.offset == 0 and "j" in call.text
    assert wild.call_before(image, 0) is None
    assert wild.call_before(image, main + 1) is None
