"""A guest whose own handler cannot handle a trap: the report is made from what it left behind."""

import re
from pathlib import Path

import pytest

from simvirt.board import FINISHER_DIED, FINISHER_PANIC
from simvirt.virt.guests import open_guest
from simvirt.virt.postmortem import Outcome, Witness, explain
from simvirt.virt.stacks import Options, make_stack
from tests.virt.runs import BUDGET, PLACEMENTS, VIRTUAL, program

_GUESTS = Path(__file__).parents[2] / "guests"
_BEGIN = "void system_call(struct process *p)\n{\n"
_STORE = "\t*(volatile u64 *)0x3f0000000 = 1;\n"
_GARBAGE = '\t__asm__ volatile(".word 0");\n'
_PANIC = '\tpanic(__func__, "on purpose");\n'


def broken(folder: Path, placement: str, line: str) -> tuple[Outcome, str]:
    """Minos with one more line in its system call: how it ended, and the report."""
    text = (_GUESTS / "minos" / "syscall.c").read_text()
    assert text.count(_BEGIN) == 1
    (folder / "minos").mkdir(exist_ok=True)
    (folder / "minos" / "syscall.c").write_text(text.replace(_BEGIN, _BEGIN + line))
    stack = make_stack(placement, [open_guest("minos", folder)], Options(guests_dir=folder))
    witness = Witness.attach(stack)
    stop = stack.machine.run(BUDGET)
    return witness.outcomes(stop)[0], explain(witness, stop)


def ending(code: int) -> str:
    """A program that writes a failure to the finisher, and touches nothing before."""
    return f"_start:\n  li a0, 0x100000\n  li a1, {code << 16 | 0x3333:#x}\n  sw a1, 0(a0)\n"


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_kernel_that_touches_what_is_not_its_own(tmp_path: Path, placement: str) -> None:
    outcome, text = broken(tmp_path, placement, _STORE)
    kind = "physical" if placement == "bare" else "GPA"
    assert (outcome.kind, outcome.code, outcome.exit_code) == ("died", FINISHER_DIED + 15, 3)
    for words in (
        "S-mode",
        "in system_call+",
        "(minos/syscall.c:",
        "sd ",
        "store/AMO page fault",
        "0x3f0000000, which",
        f"level 2: entry at {kind} 0x8",
        "the entry is not valid",
    ):
        assert words in text


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_kernel_that_executes_garbage(tmp_path: Path, placement: str) -> None:
    outcome, text = broken(tmp_path, placement, _GARBAGE)
    assert (outcome.kind, outcome.code) == ("died", FINISHER_DIED + 2)
    for words in ("S-mode", "in system_call+", "illegal instruction", "[0000]"):
        assert words in text


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_the_last_events_end_with_the_trap(tmp_path: Path, placement: str) -> None:
    """What its handler did after it, such as printing a panic, is not what led to it."""
    _, text = broken(tmp_path, placement, _STORE)
    events = text[text.index("last events") :].splitlines()
    assert len(events) == 5
    trap = events[-1] if placement == "bare" else events[-2]
    assert "TRAP" in trap and "store/AMO page fault, value 0x3f0000000" in trap
    assert placement == "bare" or "EXIT of VM 0: guest_fault" in events[-1]


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_a_panic_without_a_trap(tmp_path: Path, placement: str) -> None:
    outcome, text = broken(tmp_path, placement, _PANIC)
    assert (outcome.kind, outcome.code, outcome.exit_code) == ("died", FINISHER_PANIC, 3)
    assert "gave up without a trap" in text
    assert "in panic+" in text and "(minos/console.c:" in text
    assert re.search(r"instruction  c?\.?sw [a-z0-9]+, 0\([a-z0-9]+\)   \[", text)
    assert "cause" not in text


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize(("code", "kind"), [(1, "failed"), (127, "failed"), (128 + 5, "died")])
def test_where_deaths_begin(placement: str, code: int, kind: str) -> None:
    stack = make_stack(placement, [program(ending(code))])
    witness = Witness.attach(stack)
    stop = stack.machine.run(BUDGET)
    assert witness.outcomes(stop) == [Outcome(kind, code)]
    text = explain(witness, stop)
    assert bool(text) == (kind == "died")
    if text:  # no trap of its own agrees with what it says: nothing is made up
        assert "its CSRs show no such trap" in text
        assert "address" not in text and "cause" not in text


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize("name", ["sw", "c.sw"])
def test_the_store_that_ends_it_is_named(placement: str, name: str) -> None:
    """Those before and behind it would have ended it, too."""
    store = f"sw a1, 0(a0)\nend: {name} a1, 0(a0)\n  sw a1, 0(a0)"
    source = ending(FINISHER_PANIC).replace("sw a1, 0(a0)", f"j end\n  {store}")
    stack = make_stack(placement, [program(source)])
    witness = Witness.attach(stack)
    text = explain(witness, stack.machine.run(BUDGET))
    assert f" {stack.guests[0].image.address_of('end'):#x}, in end" in text
    assert f"  instruction  {name} a1, 0(a0)   [" in text


@pytest.mark.parametrize("placement", PLACEMENTS)
@pytest.mark.parametrize(
    ("statement", "caller"),
    [
        ("return 3;", r"_start\+0x\w+ \(runtime/start.S:\d+\)"),
        ("exit(3);", r"main\+0x\w+ \(p.c:2\)"),
    ],
)
def test_where_a_failure_is_reported(
    tmp_path: Path, placement: str, statement: str, caller: str
) -> None:
    source = tmp_path / "p.c"
    source.write_text(f"#include <stdlib.h>\nint main(void) {{ {statement} }}\n")
    stack = make_stack(placement, [open_guest(str(source))])
    witness = Witness.attach(stack)
    (outcome,) = witness.outcomes(stack.machine.run(BUDGET))
    assert outcome == Outcome("failed", 3)
    store = r"`c?\.?sw \w+, 0\(\w+\)` in exit\+0x\w+ \(runtime/runtime.c:\d+\)"
    assert re.fullmatch(f"{store}, called in {caller}", outcome.where)


@pytest.mark.parametrize("placement", VIRTUAL)
def test_the_other_vm_goes_on(placement: str) -> None:
    stack = make_stack(placement, [program(ending(FINISHER_DIED + 5)), open_guest("hello")])
    witness = Witness.attach(stack)
    stop = stack.machine.run(BUDGET)
    assert [outcome.kind for outcome in witness.outcomes(stop)] == ["died", "passed"]
    assert [death.vm for death in witness.deaths] == [0]
