"""Why a run ended, as the exit code, the message and the JSON report say it."""

import json
from pathlib import Path

import pytest

from simvirt.board import Board
from simvirt.virt.guests import guest_source
from tests.cli.conftest import Cli

# Two lines of the hypervisor that together keep a guest in U: without them it runs in real S.
UNSAFE = {
    "hypervisor/main.c": (
        "csr_write(CSR_MSTATUS, 0)", "csr_write(CSR_MSTATUS, 1ul << MSTATUS_MPP_SHIFT)"
    ),
    "hypervisor/tables.c": ("| perm | PTE_V | PTE_U | PTE_A", "| perm | PTE_V | PTE_A"),
}  # fmt: skip


def unsafe_hypervisor(folder: Path) -> Path:
    """Sources that replace ours, with those lines changed."""
    for name, (old, new) in UNSAFE.items():
        text = guest_source(name).decode()
        assert text.count(old) == 1
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text.replace(old, new))
    return folder


def test_broken_isolation_has_a_reason_of_its_own(cli: Cli, tmp_path: Path) -> None:
    sources = unsafe_hypervisor(tmp_path / "sources")
    run = ("run", "hello", "--on", "hypervisor", "--guests", sources, "--json", "out.json")
    assert cli(*run).code == 3
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["exit_code"], report["reason"]) == (3, "isolation")
    assert report["violations"] > 0
    result = cli(*run, "--max-steps", report["t"] - 1)  # and however the run ended
    report = json.loads((tmp_path / "out.json").read_text())
    assert (result.code, report["reason"]) == (4, "isolation")
    assert f"isolation was broken: {report['violations']} accesses" in result.err


def test_the_same_run_with_our_hypervisor_is_finished(cli: Cli, tmp_path: Path) -> None:
    assert cli("run", "hello", "--on", "hypervisor", "--json", "out.json").code == 0
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["reason"], report["violations"]) == ("finished", 0)


@pytest.mark.parametrize("placement", ["bare", "hypervisor", "hosted"])
def test_a_device_tree_may_not_promise_more_ram_than_there_is(
    cli: Cli, tmp_path: Path, placement: str
) -> None:
    tree = tmp_path / "large.dtb"
    tree.write_bytes(Board(64 << 20).device_tree())
    result = cli("run", "hello", "--on", placement, "--dtb", tree, "--json", "out.json")
    assert result.code == 2
    assert result.out == ""
    for words in ("/memory [0x80000000, 0x84000000)", "[0x80000000, 0x82000000)", "--mem"):
        assert words in result.err
    report = json.loads((tmp_path / "out.json").read_text())
    assert (report["exit_code"], report["reason"]) == (2, "input")
    assert cli("run", "hello", "--on", placement, "--dtb", tree, "--mem", "64M").code == 0
