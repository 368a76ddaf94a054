"""`simvirt where` and `Simulation.where`: any pc of any layer or guest."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvirt.cli import main
from simvirt.errors import InputError
from simvirt.loader import load_elf, strip_elf
from simvirt.simulation import Simulation
from simvirt.stops import AtPc
from simvirt.toolchain import build
from simvirt.virt.stacks import PLACEMENTS

LAYERS = {
    "bare": ["minos", "minos-init"],
    "hypervisor": ["hypervisor", "minos", "minos-init"],
    "hosted": ["host", "host-vmm", "host-init", "minos", "minos-init"],
}


def asked(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main(["where", *map(str, arguments)])
    out, err = capsys.readouterr()
    assert "Traceback" not in err and "internal error" not in err
    return code, out, err


def test_functions_lines_and_inlined_calls(capsys: pytest.CaptureFixture[str]) -> None:
    image = load_elf(build(["minos"])["minos"].path)
    pc = next(pc for pc in range(image.entry, image.entry + 0x3000, 2)
              if len(image.frames_at(pc)) == 2)  # fmt: skip
    code, out, err = asked(capsys, "minos", hex(pc), "trap_entry", "trap_entry+0x4")
    lines = out.splitlines()
    inner, outer = image.frames_at(pc)
    assert (code, err) == (0, "")
    assert lines[0] == f"{pc:#x}  {inner}" and lines[1].strip() == f"inlined into {outer}"
    address = image.address_of("trap_entry")
    assert [line.split()[0] for line in lines[2:]] == [hex(address), hex(address + 4)]
    assert all("trap_entry at minos/entry.S:" in line for line in lines[2:])


def test_a_file_and_one_without_dwarf(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:  # fmt: skip
    path = build(["minos"])["minos"].path
    (tmp_path / "bare.elf").write_bytes(strip_elf(path.read_bytes()))
    entry = f"{load_elf(path).entry:x}"
    code, out, _ = asked(capsys, path, entry)
    assert code == 0 and "start at minos/entry.S:" in out
    assert asked(capsys, tmp_path / "bare.elf", entry) == (0, f"0x{entry}  ?\n", "")


def test_a_source(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """As `run` takes it."""
    path = tmp_path / "own.S"
    path.write_text(".globl _start\n_start:\n    nop\nhere:\n    j here\n")
    code, out, err = asked(capsys, path, "here", "80000000")
    assert (code, err) == (0, "") and out.splitlines()[0].split()[0] in ("0x80000002", "0x80000004")
    path.write_text("_start: addi a0, a0\n")
    code, _, err = asked(capsys, path, "0")
    assert code == 2 and "own.S" in err and "1" in err


def test_addresses_outside(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = asked(capsys, "minos", "0x10", "0x80000000")
    assert code == 2 and "0x10: minos has nothing there" in err
    assert out.splitlines()[0] == "0x10  ?" and "start" in out.splitlines()[1]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nosuch", "1"], "nosuch: no such file"), ([".", "1"], "a folder"),
        (["vmm-core", "1"], "a part of other programs"), (["minos", "nosuch"], "no symbol"),
        (["minos", "nosuch+4"], "no symbol"), (["minos", "-1"], "is no address"),
        (["minos", "1+"], "is no address"), (["minos", ""], "is no address"),
        (["minos", "1" * 17], "is no address"), (["minos"], "ADDRESS"),
    ],
)  # fmt: skip
def test_careless_input(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    code, _, err = asked(capsys, *arguments)
    assert code == 2 and message in err


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_where_a_simulation_is(placement: str) -> None:
    simulation = Simulation.boot("minos", placement)
    guest = simulation.images()["minos"]
    pc = guest.address_of("trap_entry")
    frames = simulation.where()
    assert frames and frames[-1].line is not None  # the layer's first instruction
    vm_at = simulation.vms()[0].physical(pc)
    assert simulation.run(AtPc(vm_at), max_steps=20_000_000).reason == "stop"
    [frame] = simulation.where()
    assert frame.function == "trap_entry" and str(frame.line).startswith("minos/entry.S:")


@pytest.mark.parametrize("placement", PLACEMENTS)
def test_every_executable_of_a_stack_can_be_asked(placement: str) -> None:
    simulation = Simulation.boot("minos", placement)
    for name in LAYERS[placement]:
        entry = load_elf(build([name])[name].path).entry
        frames = simulation.where(entry, name)
        assert frames and frames[0].line is not None, name
        assert frames[0].line.file.endswith((".S", ".c"))
    with pytest.raises(InputError, match=r"no executable 'nosuch'.*minos"):
        simulation.where(0, "nosuch")
