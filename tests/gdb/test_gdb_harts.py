"""A stock gdb on a machine of three harts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.gdb.harts import PROGRAM
from tests.gdb.test_gdb import GDB, after, debug

pytestmark = pytest.mark.skipif(GDB is None, reason="no gdb for RISC-V is installed")
ARGUMENTS = ("--harts", "3", "--quantum", "50", "harts.S")


def run(tmp_path: Path, script: str) -> str:
    (tmp_path / "harts.S").write_text(PROGRAM)
    start = "break asleep\ncontinue\ndelete\n"  # the last hart is where it stays
    return debug(tmp_path, f"{start}{script}echo ==end\\n\n", *ARGUMENTS)


def by_thread(text: str) -> dict[int, str]:
    """What `thread apply all` has said of each."""
    parts = re.split(r"^Thread (\d) .*:$", text, flags=re.MULTILINE)
    return {int(number): said for number, said in zip(parts[1::2], parts[2::2], strict=True)}


LOOK = """
break bump
continue
echo ==threads\\n
info threads
echo ==registers\\n
thread apply all info registers s1 pc mhartid mscratch mstatus
echo ==frames\\n
thread apply all bt
echo ==memory\\n
thread apply all x/dg 0x40100000
"""


def test_threads_have_their_own_registers_frames_and_memory(tmp_path: Path) -> None:
    text = run(tmp_path, LOOK)
    threads = after(text, "threads")
    assert re.search(r"^\* 1 .*\(hart 0 in S: runs\) +bump \(\)", threads, re.MULTILINE)
    assert re.search(r"^  2 .*\(hart 1 in S: waits for its turn\) ", threads, re.MULTILINE)
    assert re.search(r"^  3 .*\(hart 2 in S: waits \(wfi\)\) +asleep \(\)", threads, re.MULTILINE)
    registers = by_thread(after(text, "registers"))
    memory, frames = by_thread(after(text, "memory")), by_thread(after(text, "frames"))
    for number in (1, 2, 3):
        said = {line.split()[0]: line for line in registers[number].strip().splitlines()}
        assert said["s1"].split()[2] == memory[number].split()[1] == str(99 + number)
        assert said["mhartid"].split()[2] == said["mscratch"].split()[2] == str(number - 1)
        assert "UXL=2" in said["mstatus"]
        place = re.search(r"<(\w+)(?:\+\d+)?>", said["pc"])
        assert place is not None
        frame = re.search(r"#0 +(\w+) \(\) at .*harts\.S:\d+", frames[number])
        assert frame is not None and frame[1] == place[1]


STEP = """
thread 2
set $count = $minstret
echo ==step\\n
stepi
print $_thread
print $minstret - $count
echo ==back\\n
reverse-stepi
print $_thread
print $minstret - $count
echo ==alone\\n
set scheduler-locking on
break bump
thread 1
stepi
stepi
stepi
stepi
stepi
print $_thread
set scheduler-locking off
echo ==continue\\n
continue
continue
continue
"""


def test_a_thread_is_stepped_forth_and_back(tmp_path: Path) -> None:
    text = run(tmp_path, STEP)
    values = [re.findall(r"= (-?\d+)", after(text, part)) for part in ("step", "back", "alone")]
    assert values == [["2", "1"], ["2", "0"], ["1"]]
    assert len(re.findall(r"hit Breakpoint 2, bump", after(text, "continue"))) == 3


WRITE = """
thread 2
set $s1 = 5000
set $mscratch = 55
set *(long*)0x40100000 = 77
set $pc = asleep
thread 1
echo ==first\\n
print $s1
print *(long*)0x40100000
echo ==second\\n
thread 2
print $s1
print $mscratch
print *(long*)0x40100000
break asleep
continue
print $_thread
print $s1
"""


def test_a_thread_that_waits_for_its_turn_is_written_to(tmp_path: Path) -> None:
    text = run(tmp_path, WRITE)
    assert re.findall(r"= (-?\d+)", after(text, "first")) == ["100", "100"]
    assert re.findall(r"= (-?\d+)", after(text, "second")) == ["5000", "55", "77", "2", "5000"]
