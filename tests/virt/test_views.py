"""Views of VMs from outside."""

import pytest

from simvirt.errors import InputError
from simvirt.virt.guests import open_guest
from simvirt.virt.stacks import Stack, make_stack
from simvirt.virt.structs import struct
from simvirt.virt.views import Inspector
from tests.virt.runs import VIRTUAL, guest_ram


@pytest.fixture(scope="module", params=VIRTUAL)
def running(request: pytest.FixtureRequest) -> Stack:
    stack = make_stack(request.param, [open_guest("minos"), open_guest("uno")])
    stack.machine.run(6_000_000)
    return stack


def test_vms_are_found_with_their_vcpus(running: Stack) -> None:
    inspector = Inspector(running)
    minos, uno = inspector.vm(0), inspector.vm(1)
    assert (minos.number, uno.number) == (0, 1)
    assert minos.ram_size == uno.ram_size == running.regions[0][1]
    assert not minos.ended
    assert uno.vcpu.mode == "M"  # it knows no other
    assert uno.vcpu.csr["satp"] == 0
    assert minos.vcpu.csr["satp"] >> 60 == 8
    assert minos.vcpu.instret > 1000


def test_looking_changes_nothing(running: Stack) -> None:
    before = running.machine.state.digest()
    inspector = Inspector(running)
    inspector.vm(0)
    inspector.journey(0, 0x8000_0000, "fetch")
    assert running.machine.state.digest() == before


def test_a_journey_names_every_address(running: Stack) -> None:
    inspector = Inspector(running)
    vcpu = inspector.vm(0).vcpu
    journey = inspector.journey(0, vcpu.pc, "fetch")
    assert journey.gpa is not None and journey.hpa is not None
    assert journey.hpa == running.regions[0][0] + journey.gpa - 0x8000_0000
    assert journey.shadow is not None
    assert journey.shadow.pa in (journey.hpa, None)  # the shadow may lag behind
    text = str(journey)
    assert "GVA" in text and "GPA" in text and "HPA" in text
    assert ("HVA" in text) == (running.placement == "hosted")
    if journey.hva is not None:
        space = inspector.vmm_space(0)
        assert space.physical(journey.hva) == journey.hpa


def test_an_address_outside_the_guest_ram_goes_nowhere(running: Stack) -> None:
    journey = Inspector(running).journey(1, 0x9000_0000)
    assert journey.gpa == 0x9000_0000
    assert journey.hpa is None and journey.hva is None


def test_guest_memory_is_read_by_gpa(running: Stack) -> None:
    word = int.from_bytes(guest_ram(running, 1)[:8], "little")
    assert Inspector(running).guest_word(1, 0x8000_0000) == word
    assert Inspector(running).guest_word(1, 0x7FFF_FFF8) is None


def test_roots_have_tables_and_kinds(running: Stack) -> None:
    inspector = Inspector(running)
    roots = [root for root in inspector.vm(0).roots if root.kind != "free"]
    assert {"M", "S", "U"} <= {root.kind for root in roots}
    for root in roots:
        assert root.table
        assert (root.guest_satp != 0) == (root.kind not in ("M", "M+MPRV", "bare"))


def test_what_is_not_there_is_said() -> None:
    with pytest.raises(InputError, match="has no VMs"):
        Inspector(make_stack("bare", [open_guest("uno")]))
    stack = make_stack("hosted", [open_guest("uno")])
    with pytest.raises(InputError, match="has ended, or not begun"):
        Inspector(stack).vm(0)
    stack = make_stack("hypervisor", [open_guest("uno")])
    with pytest.raises(InputError, match="not been made yet"):
        Inspector(stack).vm(0)


def test_struct_layouts_come_from_the_image() -> None:
    stack = make_stack("hypervisor", [open_guest("uno")])
    vcpu = struct(stack.layers["hypervisor"], "vcpu")
    assert vcpu.offset("pc") == 256  # what the assembly of every HAL relies on
    assert vcpu.offset("exit.tval") == 272
    with pytest.raises(InputError, match="no member 'nothing'"):
        vcpu.offset("nothing")
    with pytest.raises(InputError, match="no struct nonsense"):
        struct(stack.layers["hypervisor"], "nonsense")
