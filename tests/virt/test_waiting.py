"""A VM that waits for ever: the VM is named, not the layer that waits for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from simvirt.virt.guests import open_guest
from simvirt.virt.postmortem import Witness, explain
from simvirt.virt.stacks import make_stack

WAITS = """
    .globl _start
_start:
    li   t0, 0x10000000      # the UART may interrupt, the PLIC lets it through
    li   t1, 1
    sb   t1, 1(t0)
    li   t0, 0x0c000000
    sw   t1, 40(t0)
    li   t0, 0x0c002000
    li   t1, 1024
    sw   t1, 0(t0)
    li   t0, 0x800
    csrw mie, t0
sleep:
    wfi
    j    sleep
"""


@pytest.mark.parametrize("placement", ["hypervisor", "hosted"])
def test_vm_that_waits_for_ever(placement: str, tmp_path: Path) -> None:
    """Its neighbour ends; then nothing can wake it."""
    source = tmp_path / "waits.S"
    source.write_text(WAITS)
    stack = make_stack(placement, [open_guest(str(source)), open_guest("uno")])
    witness = Witness.attach(stack)
    stop = stack.machine.run(2 * 10**8)
    assert stop.reason == "stuck"
    assert [outcome.kind for outcome in witness.outcomes(stop)] == ["died", "passed"]
    text = explain(witness, stop)
    assert "VM 0 (waits) of the" in text and "nothing could ever wake it" in text
    assert "0, virtual M-mode" in text and "sleep (waits.S:15)" in text
    assert "virtual mie=0x800" in text
    assert text.startswith("VM 0") and "\n\n" not in text  # nobody else died
