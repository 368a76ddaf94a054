"""The address pane: what it says of an address that is mapped, changed, fenced, unmapped, a device.

By keys, under the hypervisor and hosted, while the guest runs and while the layers below do.
"""

from __future__ import annotations

from time import sleep

import pytest
from textual.pilot import Pilot
from textual.widgets import Input

from simvirt.tui.app import Debugger
from simvirt.tui.snapshot import AddressView, Snapshot
from simvirt.virt.views import VERDICTS, Inspector
from tests.tui.test_keys import GUEST as LOOP
from tests.tui.test_keys import Play, play, press

VIRTUAL = ("hypervisor", "hosted")
GUEST = """\
        .text
_start: li t0, -1
        srli t0, t0, 10
        csrw pmpaddr0, t0
        li t0, 0x1f
        csrw pmpcfg0, t0
        la t1, root
        li t0, 0x200000cf       # 0x80000000: a gigapage, for itself
        sd t0, 16(t1)
        la t2, middle
        srli t0, t2, 2
        ori t0, t0, 1
        sd t0, 8(t1)
        la s1, last
        srli t0, s1, 2
        ori t0, t0, 1
        sd t0, 0(t2)
        la t0, one              # 0x40000000: a page, readable and writable
        srli t0, t0, 2
        ori t0, t0, 0xc7
        sd t0, 0(s1)
        li t0, 0x040000c7       # 0x40001000: the UART
        sd t0, 8(s1)
        srli t0, t1, 12
        li t1, 1
        slli t1, t1, 63
        or t0, t0, t1
        csrw satp, t0
        sfence.vma
        li t0, 0x1000
        csrc mstatus, t0
        li t0, 0x800
        csrs mstatus, t0
        la t0, kernel
        csrw mepc, t0
        mret
kernel: li s0, 0x40000000
        li s2, 0x40001000
mapped: nop                     # an instruction that faults would stop twice
        ld a1, 0(s0)
loaded: la t0, two
        srli t0, t0, 2
        ori t0, t0, 0xc7
        sd t0, 0(s1)
changed:
        sfence.vma
fenced: nop
        ld a1, 0(s0)
filled: nop
        lbu a2, 5(s2)
        ld t0, 0(s1)
        andi t0, t0, -5         # no more writable
        sd zero, 0(s0)
written:
        sd t0, 0(s1)
locked: sd zero, 0(s1)
gone:   sfence.vma
unmapped:
        nop
        j far
        .align 12               # a page that has no shadow entry before it is come to
far:    nop
spin:   j spin
        .data
        .align 12
root:   .space 4096
middle: .space 4096
last:   .space 4096
one:    .space 4096
two:    .space 4096
"""
PAGE, UART, HOLE = "0x40000000", "0x40001000", "0x50000000"
MARKS = {  # where the guest stands: the page that it maps, and the marks of a load and a store
    "mapped": ("one", "missing", "missing"),
    "loaded": ("one", "agrees", "agrees"),
    "changed": ("two", "stale", "stale"),
    "fenced": ("two", "missing", "missing"),
    "filled": ("two", "agrees", "agrees"),
    "locked": ("two", "agrees", "stale"),
    "gone": ("", "stale", "stale"),
    "unmapped": ("", "neither", "neither"),
}
BELOW = {"hypervisor": ("hypervisor", "hypervisor"), "hosted": ("host kernel", "VMM process")}


def typed(text: str) -> list[str]:
    return ["space" if letter == " " else letter for letter in text]


async def run_to(app: Debugger, pilot: Pilot[int], place: str) -> Snapshot:
    """Break there, which takes the prefilled answer's place, and continue."""
    at = await press(app, pilot, "b", *typed(place), "enter", "c")
    assert at.message == f"breakpoint at {place}", (at.message, at.breaks)
    return at


async def look(app: Debugger, pilot: Pilot[int], place: str) -> AddressView:
    """What pane 4 shows of a place that `g` is given."""
    at = await press(app, pilot, "4", "g", *typed(place), "enter")
    assert at.address is not None
    return at.address


def in_vm(play_: Play, placement: str, vms: int = 1) -> None:
    play(play_, placement, (120, 40), GUEST, vms)


def painted(app: Debugger) -> str:
    return app._panes["address"].render().plain


# ---- the marks ---------------------------------------------------------------------------------


def check(app: Debugger, view: AddressView, page: str, mark: str) -> None:
    """The mark, the labels, and that the addresses are those of one byte of the page."""
    stack = app.engine._sim.stack
    assert view.state == mark and f", shadow:  {mark} \n{VERDICTS[mark]}" in painted(app)
    found = dict(view.physical)
    assert list(found) == ["GPA", "HVA", "HPA"][:: 1 if stack.placement == "hosted" else 2]
    for name, address in found.items():
        assert f"{name} {'none' if address is None else hex(address)}" in painted(app)
    if not page:
        assert set(found.values()) == {None}
        return
    assert found["GPA"] == stack.guests[0].image.address_of(page)
    assert found["HPA"] == stack.regions[0][0] + found["GPA"] - 0x8000_0000
    if stack.placement == "hosted":
        space = Inspector(stack).vmm_space(0)
        assert found["HVA"] is not None and space.physical(found["HVA"]) == found["HPA"]


@pytest.mark.parametrize("placement", VIRTUAL)
def test_a_page_that_is_mapped_changed_fenced_and_unmapped(placement: str) -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        for place, (page, load, store) in MARKS.items():
            at = await run_to(app, pilot, place)
            view = await look(app, pilot, PAGE)
            assert view.title == f"load of GVA {PAGE} in VM 0"
            check(app, view, page, load)
            view = await look(app, pilot, f"{PAGE} store")
            assert view.title == f"store of GVA {PAGE} in VM 0"
            check(app, view, "" if place == "locked" else page, store)
            assert (await press(app, pilot)).code == at.code  # which cannot go there

    in_vm(keys, placement)


@pytest.mark.parametrize("placement", VIRTUAL)
def test_a_device_and_a_hole(placement: str) -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        for place in ("mapped", "written"):  # before and after it has been read
            await run_to(app, pilot, place)
            view = await look(app, pilot, UART)
            assert view.state == "device" and VERDICTS["device"] in painted(app)
            assert {name for name, address in view.physical if address is None} >= {"HPA"}
            assert dict(view.physical)["GPA"] == 0x1000_0000 and "HPA none" in painted(app)
            check(app, await look(app, pilot, HOLE), "", "neither")

    in_vm(keys, placement)


@pytest.mark.parametrize("placement", VIRTUAL)
def test_while_the_layers_below_run(placement: str) -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        view = await look(app, pilot, PAGE)  # nothing has run yet
        assert view.guest == () and "VM 0" in painted(app)
        await run_to(app, pilot, "fenced")
        for key, layer in zip(("right_square_bracket", "right_curly_bracket"), BELOW[placement],
                              strict=True):  # fmt: skip
            assert (await press(app, pilot, key)).where.layer == layer
            check(app, await look(app, pilot, PAGE), "two", "missing")
            check(app, await look(app, pilot, HOLE), "", "neither")
            assert (await look(app, pilot, UART)).state == "device"
            before = (await press(app, pilot)).code
            view = await look(app, pilot, "one")
            assert view.title.startswith("load of GVA 0x8000") and view.state == "missing"
            after = await press(app, pilot)
            assert after.code == before and "load of one in pane 4; the code" in after.message
        await look(app, pilot, PAGE)
        at = await run_to(app, pilot, "filled")  # what g has chosen stays
        assert at.address is not None and at.address.title == f"load of GVA {PAGE} in VM 0"
        check(app, at.address, "two", "agrees")
        at = await press(app, pilot, "full_stop")
        assert at.address is not None and at.address.title == f"fetch of GVA {at.pc:#x} in VM 0"

    in_vm(keys, placement)


# ---- what g takes ------------------------------------------------------------------------------


def test_code_is_fetched_and_data_loaded_unless_the_access_is_chosen() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        at = await run_to(app, pilot, "loaded")
        first = hex(at.pc)
        for place, access, goes in (
            ("kernel", "fetch", True), (first, "fetch", True), ("one", "load", False),
            ("one fetch", "fetch", True), (f"{first} load", "load", False), (PAGE, "load", False),
            ("root+8 store", "store", False),
        ):  # fmt: skip
            await press(app, pilot, "full_stop")
            view = await look(app, pilot, place)
            assert view.title.startswith(f"{access} of GVA"), place
            assert (app._cursor is not None) == goes, place
            assert ("in pane 4" in (await press(app, pilot)).message) != goes, place
        assert "with load, store or fetch behind it" in (
            await press(app, pilot, "g", *typed("one two"), "enter")).message  # fmt: skip

    in_vm(keys, "hypervisor")


def test_a_virtual_machine_by_its_number() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await run_to(app, pilot, "loaded")
        stack = app.engine._sim.stack
        for text, vm in (("_start", 0), ("vm1:_start", 1), ("vm0:0x80000000", 0)):
            view = await look(app, pilot, text)
            assert view.title == f"fetch of GVA 0x80000000 in VM {vm}"
            assert dict(view.physical)["HPA"] == stack.regions[vm][0]
        assert "no VM 2" in (await press(app, pilot, "g", *typed("vm2:1"), "enter")).message

    in_vm(keys, "hypervisor", vms=2)


@pytest.mark.parametrize("placement", VIRTUAL)
def test_software_below_the_guests_has_addresses_of_its_own(placement: str) -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await run_to(app, pilot, "loaded")
        hosted = placement == "hosted"
        inspector = Inspector(app.engine._sim.stack)
        fill = inspector.vmm.address_of("shadow_fill")
        physical = inspector.vmm_space(0).physical(fill)
        for text in ("shadow_fill", f"vmm:{fill:#x}"):
            view = await look(app, pilot, text)
            layer, kind = ("the VMM", "HVA") if hosted else ("the hypervisor", "HPA")
            assert view.title == f"fetch of {kind} {fill:#x} of {layer}" and view.state == "none"
            assert view.physical == (("HPA", physical),) and bool(len(view.guest) > 1) == hosted
        view = await look(app, pilot, f"{placement}:trap_entry")
        layer = "the host kernel" if hosted else "the hypervisor"
        assert view.title.startswith("fetch of HPA 0x8000") and view.title.endswith(f"of {layer}")

    in_vm(keys, placement)


def test_on_the_bare_machine() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await run_to(app, pilot, "locked")
        view = await look(app, pilot, PAGE)
        assert view.title == f"load of GVA {PAGE} on the bare machine" and view.state == "none"
        two = app.engine._sim.stack.guests[0].image.address_of("two")
        assert view.physical == (("GPA", two), ("HPA", two)) and len(view.guest) == 4
        view = await look(app, pilot, f"{PAGE} store")
        assert "not permitted" in view.guest[-1] and view.physical[0] == ("GPA", None)
        assert "no VM 0" in (await press(app, pilot, "g", *typed("vm0:1"), "enter")).message

    in_vm(keys, "bare")


def test_a_change_of_the_layout_does_not_lose_what_g_has_asked_for() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        await run_to(app, pilot, "mapped")
        engine = app.engine
        go = engine._goto

        def slowly(text: str) -> None:  # the prompt closes, and panes grow, before it is shown
            go(text)
            sleep(0.1)

        engine._goto = slowly  # type: ignore[method-assign]
        for place in (PAGE, HOLE, PAGE):
            assert (await look(app, pilot, place)).title == f"load of GVA {place} in VM 0"

    in_vm(keys, "hypervisor")


# ---- prompts and the cursor --------------------------------------------------------------------


def test_what_is_typed_takes_the_place_of_a_prefilled_answer() -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        prompt = app.query_one(Input)
        at = await press(app, pilot, "b")
        assert prompt.value == hex(at.pc)
        await press(app, pilot, *"again")
        assert prompt.value == "again"
        assert (await press(app, pilot, "enter")).breaks == ("again",)
        assert (await press(app, pilot, "b", "enter")).breaks == ("again", "_start")
        await press(app, pilot, "m", *"first", "enter", "s", "m", *"second", "enter", "s", "M")
        assert prompt.value == "second"
        assert (await press(app, pilot, *"first", "enter")).t == 0
        assert (await press(app, pilot, "M", "enter")).t == 1

    play(keys, source=LOOP)


@pytest.mark.parametrize("placement", ["bare", *VIRTUAL])
def test_run_to_the_cursor(placement: str) -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        at = await run_to(app, pilot, "loaded")
        index = next(i for i, row in enumerate(at.code) if row.is_pc)
        wanted = at.code[index + 3].address
        there = await press(app, pilot, "1", "j", "j", "j", "u")
        assert there.pc == wanted and there.where.in_guest
        assert there.message.startswith(f"stopped to {wanted:#x}, t=")
        image = app.engine._sim.stack.guests[0].image
        for place in ("unmapped", "far"):  # behind traps; on a page that has not been fetched
            there = await press(app, pilot, "g", *place, "enter", "u")
            assert there.pc == image.address_of(place) and there.place == place
            assert there.where.in_guest and "stopped to" in there.message
        await press(app, pilot, "g", *"kernel", "enter")
        assert (await press(app, pilot, "U")).place == "kernel"

    in_vm(keys, placement)


@pytest.mark.parametrize("placement", VIRTUAL)
def test_run_to_the_cursor_below_the_guest(placement: str) -> None:
    async def keys(app: Debugger, pilot: Pilot[int]) -> None:
        at = await press(app, pilot, "right_curly_bracket", "right_curly_bracket", "1")
        assert at.where.layer == BELOW[placement][1]
        for _ in range(2):
            await press(app, pilot, "j")
        wanted = app._cursor
        there = await press(app, pilot, "u")
        assert there.pc == wanted and there.where.layer == BELOW[placement][1] and there.t > at.t

    in_vm(keys, placement)
