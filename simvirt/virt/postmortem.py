"""Postmortem: why software died, told from outside.

A `Witness` keeps the last events of a machine and stands by when a VMM declares a VM dead.  It
tells deaths apart: of a guest on the bare machine, of a guest in a VM, of a VMM process, of a
hypervisor or host kernel.  A guest that reports a failure through the finisher has not died,
unless the code says so (see `unhandled`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np

from isa import causes, marks
from simvirt.board import FINISHER_DIED
from simvirt.core.state import RAM_BASE
from simvirt.errors import InputError
from simvirt.events import TRAPS, Event, Records, decode, mask_of
from simvirt.loader import Image
from simvirt.machine import Stop
from simvirt.virt import unhandled, wild
from simvirt.virt.deaths import Death, Outcome, bare_outcome, waiting_vm
from simvirt.virt.lasttraps import FatalTrap, FatalTraps
from simvirt.virt.recent import last_events, of_vm
from simvirt.virt.remains import (
    ACCESS,
    PAGE_FAULTS,
    WITH_ADDRESS,
    gpa,
    instruction,
    place,
    walk_text,
)
from simvirt.virt.stacks import Stack
from simvirt.virt.twin import twin
from simvirt.virt.views import Fault, Inspector, VcpuView
from simvirt.walk import Translation, walk

__all__ = ["Death", "Outcome", "Witness", "explain"]
_KEPT = 1 << 16  # the host makes dozens of records in each of a VM's last thousand exits
LAYER = {"bare": "bare machine", "hypervisor": "hypervisor", "hosted": "host"}
LAYER_KERNEL = {"bare": "guest", "hypervisor": "hypervisor", "hosted": "host kernel"}
NO_PROGRESS = 1  # VM_FAULT_NO_PROGRESS of vmm/vm.h


class Witness:
    """Watches a stack while it runs; `deaths` fills up as software dies."""

    def __init__(self, stack: Stack) -> None:
        """Does not select events: see `attach`."""
        self.stack = stack
        self.deaths: list[Death] = []
        self.ended: dict[int, int] = {}
        self._failures: dict[int, str] = {}
        self._tail: Records = np.zeros((0, 8), np.uint64)
        self._start: tuple[Stack, int] | None = None
        self._traps = FatalTraps(stack.placement)
        machine = stack.machine
        machine.listeners.append(self._listen)
        self._inspector = None if stack.placement == "bare" else Inspector(stack)
        if self._inspector is not None:
            machine.on_mark(marks.MARK_NUMBERS["VM_FAULT"], self._vm_fault)
            machine.on_mark(marks.MARK_NUMBERS["VM_END"], self._vm_end)

    @classmethod
    def attach(cls, stack: Stack, also: Sequence[str] = ()) -> Witness:
        """A witness, and the events that it tells the last of (on top of those selected).

        It keeps a copy of the machine as it is now, and can run that again.
        """
        state = stack.machine.state
        selected = state.work("event_mask") | mask_of([*TRAPS, *also])
        stack.machine.select_events(selected, state.work("stop_mask"))
        witness = cls(stack)
        if not stack.disks:  # what is on them does not come back
            witness._start = twin(stack), len(stack.machine.inputs)
        return witness

    # ---- what the machine tells ------------------------------------------------------------------

    def _listen(self, records: Records) -> None:
        for trap in self._traps.scan(records):
            if trap.vm is not None and trap.vm not in self.ended:
                self.deaths.append(self._process_death(trap))
        self._tail = np.concatenate((self._tail, records[-_KEPT:]))[-_KEPT:]

    def _from_guest(self) -> bool:
        # A guest may execute any HINT; what counts is the owner of the frame it came from.
        return self.stack.machine.state.work("owner") != 0

    def _vm_end(self, payload: int) -> bool:
        if not self._from_guest():
            vm, kind, code = payload >> 16, payload >> 8 & 0xFF, payload & 0xFF
            self.ended[vm] = kind << 8 | code
            if kind == 0 and unhandled.has_died(code):
                self.deaths.append(self._reported_death(vm, code))
            elif kind == 0 and code:
                self._failures[vm] = unhandled.ending(self._guest(vm))
        return False

    def _vm_fault(self, address: int) -> bool:
        if not self._from_guest():
            self.deaths.append(self._vm_death(address))
        return False

    # ---- the end of a run ------------------------------------------------------------------------

    def finish(self, stop: Stop) -> list[Death]:
        """All deaths, once the machine has come out with `stop` for good."""
        if self.stack.placement == "bare":
            if stop.reason in ("no-progress", "stuck") and not self.deaths:
                self.deaths.append(self._machine_death(stop, self.stack.guests[0].image))
            elif bare_outcome(stop).kind == "died" and not self.deaths:
                self.deaths.append(self._reported_death(None, stop.code))
        elif stop.reason == "stuck" and (waiting := self._waiting()):
            known = {death.vm for death in self.deaths}
            self.deaths += [self._waiting_death(vm) for vm in waiting if vm not in known]
        elif stop.reason in ("no-progress", "stuck") and None not in {d.vm for d in self.deaths}:
            self.deaths.append(self._machine_death(stop, self.stack.layers[self.stack.placement]))
        elif stop.reason in ("finished", "reset"):
            self._missing(stop)
        return self.deaths

    def _waiting(self) -> list[int]:
        """VMs for which a layer waits that is well itself."""
        alive = [vm for vm in range(len(self.stack.guests)) if vm not in self.ended]
        return [vm for vm in alive if self._is_made(vm)]

    def _is_made(self, vm: int) -> bool:
        try:
            return self._inspector is not None and bool(self._inspector.vcpu(vm).instret)
        except InputError:
            return False

    def _waiting_death(self, vm: int) -> Death:
        assert self._inspector is not None
        vcpu, guest = self._inspector.vm(vm).vcpu, self.stack.guests[vm]
        fetch = self._inspector.guest_walk(vm, vcpu, vcpu.pc, "fetch")
        events = last_events(list(decode(of_vm(self._tail, vm))))
        who = f"VM {vm} ({guest.name}) of the {LAYER[self.stack.placement]}"
        t = self.stack.machine.state.mach("t")
        return waiting_vm(who, vm, vcpu, guest.image, gpa(fetch), t, events)

    def _missing(self, stop: Stop) -> None:
        """VMs that never ended though everything else has: something below them died."""
        known = {death.vm for death in self.deaths}
        lost = [vm for vm in range(len(self.stack.guests)) if vm not in self.ended]
        trap = self._traps.of_kernel
        if trap is not None and lost and None not in known:
            self.deaths.append(self._kernel_death(trap, lost))
        elif [vm for vm in lost if vm not in known] and None not in known:
            vms = ", ".join(str(vm) for vm in lost if vm not in known)
            words = f"VM {vms} never ended; the layer's last words are below"
            lines = (*self._last_words(), self._events_line())
            who = f"the {LAYER[self.stack.placement]}'s VMM"
            vm = lost[0] if len(lost) < len(self.stack.guests) else None
            self.deaths.append(Death(who, words, stop.t, vm, lines))

    def outcomes(self, stop: Stop) -> list[Outcome]:
        """How each guest ended."""
        if self.stack.placement == "bare":
            outcome = bare_outcome(stop)
            where = unhandled.ending(self._guest(None)) if outcome.kind == "failed" else ""
            return [replace(outcome, where=where)]
        over = stop.reason in ("finished", "reset", "no-progress", "stuck")
        dead = {death.vm for death in self.finish(stop)} if over else set()
        return [self._outcome(vm, over or vm in dead) for vm in range(len(self.stack.guests))]

    def _outcome(self, vm: int, over: bool) -> Outcome:
        if vm not in self.ended:
            return Outcome("died" if over else "unfinished")
        kind, code = self.ended[vm] >> 8, self.ended[vm] & 0xFF
        if kind or unhandled.has_died(code):
            return Outcome("died", code)
        return Outcome("failed", code, self._failures.get(vm, "")) if code else Outcome("passed")

    # ---- the deaths ------------------------------------------------------------------------------

    def _vm_death(self, address: int) -> Death:
        assert self._inspector is not None
        state = self.stack.machine.state
        satp = state.hart("satp") if self.stack.placement == "hosted" else 0
        fault, vcpu = self._inspector.fault_at(address, satp)
        cause, value = _virtual_trap(fault, vcpu)
        guest = self.stack.guests[fault.vm]
        fetch = self._inspector.guest_walk(fault.vm, vcpu, fault.pc, "fetch")
        lines = [
            ("vCPU", f"{fault.vcpu}, virtual {fault.mode}-mode, {vcpu.instret} instructions done"),
            ("at", f"GVA {fault.pc:#x}{gpa(fetch)}{place(guest.image, fault.pc)}"),
            ("instruction", instruction(fault.insn or None, fault.pc, guest.image)),
        ]
        kept = of_vm(self._tail, fault.vm)
        if origin := self._jump(kept, guest.image, fault.vm + 1):
            lines.append(("jumped from", origin))
        if fault.reason == NO_PROGRESS:
            lines.append(("cause", causes.describe(cause)))
            lines += self._vm_address(fault.vm, vcpu, cause, value)
        lines.append(("last events", last_events(list(decode(kept)))))
        who = f"VM {fault.vm} ({guest.name}) of the {LAYER[self.stack.placement]}"
        return Death(who, fault.text, state.mach("t"), fault.vm, tuple(lines))

    def _vm_address(
        self, vm: int, vcpu: VcpuView, cause: int, value: int
    ) -> Iterable[tuple[str, str]]:
        assert self._inspector is not None
        if cause not in WITH_ADDRESS:
            return
        found = self._inspector.guest_walk(vm, vcpu, value, ACCESS.get(cause, "load"))
        where = gpa(found) or ", which has no GPA"
        if found.pa is not None and self._inspector.hpa_of(vm, found.pa) is None:
            where += ", outside the VM's RAM"
        yield "address", f"GVA {value:#x}{where}"
        if found.pa is None:
            yield "walk", walk_text(found, "GPA")

    def _reported_death(self, vm: int | None, code: int) -> Death:
        """Of a guest that said so itself; `vm` is None on the bare machine."""
        spec, guest = self.stack.guests[vm or 0], self._guest(vm)
        if vm is None:
            who, records = f"the guest ({spec.name}) on the bare machine", self._tail
        else:
            who = f"VM {vm} ({spec.name}) of the {LAYER[self.stack.placement]}"
            records = of_vm(self._tail, vm)
        trap = guest.trap(code - FINISHER_DIED)
        records = unhandled.up_to(records, trap)
        events = list(decode(records))
        found = self._jump(records, spec.image, 0 if vm is None else vm + 1)
        lines = (*unhandled.report(guest, trap, found), ("last events", last_events(events)))
        t = events[-1].t if events else self.stack.machine.state.mach("t")
        return Death(who, unhandled.why(code, trap), t, vm or 0, lines)

    def _guest(self, vm: int | None) -> unhandled.Guest:
        """A guest that has ended itself, as it stands; `vm` is None on the bare machine."""
        image = self.stack.guests[vm or 0].image
        if vm is None:
            return unhandled.of_hart(self.stack.machine.state, image, self._word)
        assert self._inspector is not None
        read = partial(self._inspector.guest_word, vm)
        return unhandled.of_vcpu(self._inspector.vm(vm).vcpu, image, read)

    def _machine_death(self, stop: Stop, image: Image) -> Death:
        state = self.stack.machine.state
        bare = self.stack.placement == "bare"
        owner = f" ({self.stack.guests[0].name}) on the bare machine" if bare else ""
        who = f"the {LAYER_KERNEL[self.stack.placement]}{owner}"
        mode = causes.PRIV_NAMES[state.hart("priv")]
        if stop.reason == "stuck":
            why = "it waits, and nothing could ever wake it"
            pc, trap = (state.hart("pc") - 4) & (1 << 64) - 1, None
        else:
            why = "no progress: the same trap 1000 times with no instruction executed between"
            pc, trap = state.hart("trap_pc"), (state.hart("trap_cause"), state.hart("trap_tval"))
        lines = [("hart", f"0, {mode}-mode"), *self._code_lines(pc, image)]
        if origin := self._jump(self._tail, image, 0):
            lines.append(("jumped from", origin))
        if trap is not None:
            lines.append(("cause", causes.describe(trap[0])))
            lines += self._real_address(*trap)
        else:
            lines.append(("enabled", f"mie={state.hart('mie'):#x}: no deadline, no line rises"))
        lines += [*self._last_words(), self._events_line()]
        return Death(who, why, stop.t, 0 if bare else None, tuple(lines))

    def _code_lines(self, pc: int, image: Image) -> list[tuple[str, str]]:
        found = self._translate(pc, "fetch")
        word = None if found.pa is None else self._halfwords(found.pa)
        where = f"virtual {pc:#x}, physical {found.pa:#x}" if found.pa is not None else f"{pc:#x}"
        return [
            ("at", f"{where}{place(image, pc)}"),
            ("instruction", instruction(word, pc, image)),
        ]

    def _real_address(self, cause: int, value: int) -> Iterable[tuple[str, str]]:
        if cause not in WITH_ADDRESS:
            return
        found = self._translate(value, ACCESS.get(cause, "load"))
        where = "which is not mapped" if found.pa is None else f"physical {found.pa:#x}"
        if found.pa is not None and self._word(found.pa) is None:
            where += ", outside RAM"
        yield "address", f"virtual {value:#x}, {where}"
        if found.pa is None:
            yield "walk", walk_text(found, "physical")

    def _kernel_death(self, trap: FatalTrap, lost: Sequence[int]) -> Death:
        event = trap.event
        image = self.stack.layers[self.stack.placement]
        lines = [
            ("hart", f"{event.hart}, {event.mode_from}-mode"),
            ("at", f"{event.pc:#x}{place(image, event.pc)}"),
            ("instruction", instruction(_bits_of(event), event.pc, image)),
            *self._kernel_jump(event, image),
            *self._trap_lines(event),
            *self._kernel_walk(event),
            ("lost", "VM " + ", ".join(str(vm) for vm in lost)),
            *self._last_words(),
            ("last events", last_events(trap.before)),
        ]
        who = f"the {LAYER_KERNEL[self.stack.placement]}"
        return Death(who, "a trap of its own code", event.t, None, tuple(lines))

    def _kernel_jump(self, event: Event, image: Image) -> Iterable[tuple[str, str]]:
        if not wild.is_code(image, event.pc) and (found := self._replayed(event.t, image, 0)):
            yield "jumped from", found

    def _jump(self, records: Records, image: Image, owner: int) -> str | None:
        """What led out of the code, when the records end with traps out there."""
        t = wild.first_trap(records, image)
        return None if t is None else self._replayed(t, image, owner)

    def _replayed(self, t: int, image: Image, owner: int) -> str | None:
        if self._start is None:
            return None
        start, inputs = self._start
        return wild.by_replay(start, self.stack.machine.inputs[inputs:], t, image, owner)

    def _kernel_walk(self, event: Event) -> Iterable[tuple[str, str]]:
        """Its tables are as they were: a kernel that panics changes none."""
        if event.a not in PAGE_FAULTS or self.stack.placement != "hosted":
            return
        satp, access = self.stack.machine.state.hart("satp"), ACCESS[event.a]
        found = walk(self._word, satp, event.b, access, causes.PRIV_S, 0)
        yield "walk", walk_text(found, "physical")

    def _process_death(self, trap: FatalTrap) -> Death:
        assert self._inspector is not None and trap.vm is not None
        event, image = trap.event, self._inspector.vmm
        lines = [
            ("process", f"{trap.pid}, U-mode"),
            ("at", f"HVA {event.pc:#x}{place(image, event.pc)}"),
            ("instruction", instruction(_bits_of(event), event.pc, image)),
            *self._trap_lines(event, "HVA"),
            ("last events", last_events(trap.before)),
        ]
        who = f"the VMM process of VM {trap.vm} ({self.stack.guests[trap.vm].name})"
        return Death(who, "the host ended it", event.t, trap.vm, tuple(lines))

    def _trap_lines(self, event: Event, kind: str = "virtual") -> Iterable[tuple[str, str]]:
        yield "cause", causes.describe(event.a)
        if event.a in WITH_ADDRESS:
            yield "address", f"{kind} {event.b:#x}"

    def _last_words(self) -> list[tuple[str, str]]:
        text = self.stack.layer_console.decode("ascii", "backslashreplace").splitlines()
        return [("its console", "\n".join(text[-3:]))] if text else []

    # ---- helpers ---------------------------------------------------------------------------------

    def _translate(self, va: int, access: str) -> Translation:
        state = self.stack.machine.state
        priv, status = state.hart("priv"), state.hart("mstatus")
        return walk(self._word, state.hart("satp"), va, access, priv, status)

    def _word(self, pa: int) -> int | None:
        try:
            return int.from_bytes(self.stack.machine.state.read_ram(pa, 8), "little")
        except IndexError:
            return None

    def _halfwords(self, pa: int) -> int | None:
        state = self.stack.machine.state
        size = min(4, RAM_BASE + state.ram_size - pa)
        try:
            return int.from_bytes(state.read_ram(pa, size), "little")
        except IndexError:
            return None

    def _events_line(self) -> tuple[str, str]:
        return "last events", last_events(list(decode(self._tail)))


def _virtual_trap(fault: Fault, vcpu: VcpuView) -> tuple[int, int]:
    """Cause and value as the guest's own trap CSRs show them, where they do."""
    for level in ("m", "s") if vcpu.mode == "M" else ("s", "m"):
        if vcpu.csr[f"{level}epc"] == fault.pc and vcpu.csr[f"{level}tval"] == fault.tval:
            return vcpu.csr[f"{level}cause"], vcpu.csr[f"{level}tval"]
    return fault.cause, fault.tval


def _bits_of(event: Event) -> int | None:
    return event.b if event.a == causes.CAUSE["ILLEGAL_INSN"] else None


def explain(witness: Witness, stop: Stop) -> str:
    """All deaths of a run in words; "" if nobody died.  Raises nothing that hides the death."""
    try:
        return "\n\n".join(str(death) for death in witness.finish(stop))
    except InputError as error:
        return f"something died, and its remains could not be read: {error}"
