"""A run as a trace for Perfetto: tracks for the hart, for each VM and for each host process.

One step of the machine is shown as one nanosecond.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from isa import causes, marks
from isa.causes import PRIV_M, PRIV_NAMES, PRIV_S
from isa.csrs import BY_NAME
from simvirt.core.state import State
from simvirt.errors import SimVirtError
from simvirt.events import KIND, Records, mask_of
from simvirt.observe import protobuf as pb
from simvirt.observe.lanes import Lane, Nest, Trace
from simvirt.observe.names import Names
from simvirt.observe.vmtracks import Now, VmTracks
from simvirt.virt.stacks import Stack

NEEDED = ("TRAP", "XRET", "MARK", "OWNER", "CSR_WRITE")
_BEGIN, _END, _ENTER, _EXIT = (
    marks.MARK_NUMBERS[name] for name in ("BEGIN", "END", "ENTER", "EXIT")
)
_MODES = {name: number for number, name in PRIV_NAMES.items()}
_VECTORS = {BY_NAME["mtvec"].number: PRIV_M, BY_NAME["stvec"].number: PRIV_S}
MOST_PROCESSES = 256  # of the host that get a track


class HartTracks:
    """What is shown of one hart, and what is known of it."""

    def __init__(self, trace: Trace, state: State, number: int) -> None:
        group = trace.track(f"hart {number}")
        self.layers = Lane(trace, trace.track("who runs", group))
        self.modes = Lane(trace, trace.track("real mode", group))
        self.traps = Nest(trace, trace.track("traps", group))
        self.marks = trace.track("marks", group)
        self.mode = state.hart("priv", number)
        self.vectors = {
            mode: state.hart(csr, number) for csr, mode in (("mtvec", PRIV_M), ("stvec", PRIV_S))
        }


class TraceFile:
    """A listener that writes a trace; attach it before the machine runs."""

    def __init__(self, stack: Stack, path: Path) -> None:
        """Raises OSError when the file cannot be written."""
        self._stack = stack
        self._state = stack.machine.state
        self._trace = Trace(path)
        self._names = Names(stack)
        self._owner = self._state.work("owner")
        harts = range(stack.machine.board.harts)
        self._harts = [HartTracks(self._trace, self._state, number) for number in harts]
        self._hart = self._harts[0]  # that of the present record
        guests = enumerate(stack.guests)
        named = [] if stack.placement == "bare" else [f"VM {i} ({g.name})" for i, g in guests]
        now = self._now()
        self._vms = [VmTracks(self._trace, name, now.t) for name in named]
        self._host = self._trace.track("host processes") if stack.placement == "hosted" else 0
        self._processes: dict[int, Lane] = {}
        self._workloads: dict[tuple[int, int], Lane] = {}
        self._pid: int | None = None
        self._vm_of_pid: dict[int | None, int] = {}
        self._virtual_modes: dict[int, int] = {}
        self._entering: int | None = None  # the VM that is or will be executed
        self._resume(now)
        for hart in reversed(self._harts):
            self._hart = hart
            self._show(now.t)
        self._handlers: dict[int, Callable[[int, Now, int, int, int], None]] = {
            KIND["TRAP"]: self._trap, KIND["XRET"]: self._xret, KIND["MARK"]: self._mark,
            KIND["OWNER"]: self._owner_changes, KIND["CSR_WRITE"]: self._csr,
        }  # fmt: skip

    @classmethod
    def attach(cls, stack: Stack, path: Path) -> TraceFile:
        """Listen to a stack's machine, and select the events that this takes."""
        trace = cls(stack, path)
        machine = stack.machine
        selected = machine.state.work("event_mask") | mask_of(NEEDED)
        machine.select_events(selected, machine.state.work("stop_mask"))
        machine.listeners.append(trace)
        return trace

    def _now(self) -> Now:
        t = self._state.mach("t")
        retired = t - self._state.hart("not_retired")
        return Now(t, retired, retired + self._state.hart("extra_cycles"))

    def _resume(self, now: Now) -> None:
        """What is under way in a machine that was not started just now."""
        layers = self._names.layers
        for vm, tracks in enumerate(self._vms):
            vcpu = layers.vcpu(vm) if now.t else None
            if vcpu is not None:
                self._virtual_modes[vm] = _MODES[vcpu.mode]
                tracks.mode.switch(now.t, vcpu.mode)
        if 0 < self._owner <= len(self._vms):
            self._vms[self._owner - 1].entered(now, self._state.hart("pc"))
        if now.t and layers.process:
            self._read_processes()
            self._process(now, int(layers.process.split()[0]))

    # ---- listening ------------------------------------------------------------------------------

    def __call__(self, records: Records) -> None:
        """Add some records, in order.  Raises OSError when the disk is full."""
        self._read_processes()  # a VMM is known before it first enters its VM
        for head, t, cycles, pc, a, b, _, retired in records.tolist():
            handler = self._handlers.get(head & 0xFF)
            if handler is not None:
                self._settle(t)
                self._hart = self._harts[min(head >> 40 & 0xFF, len(self._harts) - 1)]
                handler(head, Now(t, retired, cycles), pc, a, b)
        self._read_processes()

    def _lanes(self) -> list[Lane]:
        lanes = [lane for hart in self._harts for lane in (hart.layers, hart.modes)]
        lanes += [vm.mode for vm in self._vms]
        return [*lanes, *self._workloads.values(), *self._processes.values()]

    def _settle(self, t: int) -> None:
        for hart in self._harts:
            hart.layers.settle(t)
            hart.modes.settle(t)

    def _show(self, t: int) -> None:
        """What mode and layer it is from `t` on."""
        self._hart.modes.switch(t, PRIV_NAMES.get(self._hart.mode, "?"))
        layer, vm = self._layer()
        self._hart.layers.switch(t, layer if vm is None else f"{layer}, VM {vm}")

    def _layer(self) -> tuple[str, int | None]:
        """The layer that runs, as `simvirt.virt.layers` names it, and its VM."""
        if self._stack.placement == "bare":
            return ("guest user" if self._hart.mode == 0 else "guest kernel"), None
        if self._owner:
            vm = self._owner - 1
            return ("guest kernel" if self._virtual_modes.get(vm, 3) else "guest user"), vm
        if self._stack.placement == "hypervisor":
            return "hypervisor", None
        if self._hart.mode:
            return "host kernel", None
        served = self._vm_of_pid.get(self._pid)
        return ("host user" if served is None else "VMM process"), served

    def _place(self, pc: int) -> str:
        layer, vm = self._layer()
        if self._stack.placement == "bare":
            vm = 0
        place = self._names.place(layer, vm, pc)
        if not place and not self._hart.mode and not self._owner and self._entering is not None:
            return self._names.place("guest user", self._entering, pc)  # not a step of it is done
        return place

    # ---- records --------------------------------------------------------------------------------

    def _trap(self, head: int, now: Now, pc: int, cause: int, value: int) -> None:
        place = self._place(pc)
        self._hart.mode = head >> 24 & 0xFF
        vector = self._hart.vectors.get(self._hart.mode, 0)
        handler_pc = vector & ~3
        if vector & 1 and cause >= causes.INTERRUPT:
            handler_pc += 4 * (cause & 0xFF)
        args: list[tuple[str, int | str]] = [
            ("cause", causes.describe(cause)), ("value", value), ("pc", pc), ("at", place),
            ("handler", self._handler(handler_pc)), ("handler_pc", handler_pc),
        ]  # fmt: skip
        self._hart.traps.begin(now.t, causes.describe(cause), args, self._hart.mode)
        self._show(now.t)

    def _handler(self, pc: int) -> str:
        """The function of the machine's own software that takes traps at `pc`."""
        if self._stack.placement == "bare":
            return self._names.function("guest kernel", 0, pc)
        layer = "host kernel" if self._stack.placement == "hosted" else "hypervisor"
        return self._names.function(layer, None, pc)

    def _xret(self, head: int, now: Now, pc: int, target: int, _: int) -> None:
        self._hart.mode = head >> 24 & 0xFF
        self._hart.traps.left(now.t + 1, head >> 16 & 0xFF, self._hart.mode)
        self._show(now.t + 1)

    def _csr(self, head: int, now: Now, pc: int, csr: int, new: int) -> None:
        if csr in _VECTORS:
            self._hart.vectors[_VECTORS[csr]] = new

    def _owner_changes(self, head: int, now: Now, pc: int, old: int, new: int) -> None:
        place = self._place(pc) if old else ""
        self._owner = new
        if new and new <= len(self._vms):
            self._vms[new - 1].entered(now, pc)
        elif old and old <= len(self._vms):
            self._vms[old - 1].left(now, place)
        self._show(now.t)

    def _mark(self, head: int, now: Now, pc: int, kind: int, payload: int) -> None:
        owner = head >> 32 & 0xFF
        vm = payload >> 16
        own = not owner and self._stack.placement != "bare"
        if own and kind == marks.MARK_NUMBERS["PROCESS"]:
            self._process(now, payload)
        elif own and kind in (_ENTER, _EXIT) and vm < len(self._vms):
            self._crossing(now, kind, vm, payload & 0xFF)
        else:
            self._instant(now, pc, kind, payload, owner)
        if own and kind == marks.MARK_NUMBERS["VM_END"] and vm < len(self._vms):
            self._vms[vm].ended(now)

    def _crossing(self, now: Now, kind: int, vm: int, low: int) -> None:
        self._vm_of_pid.setdefault(self._pid, vm)
        self._entering = vm if kind == _ENTER else None
        if kind == _EXIT:
            self._vms[vm].classified(low, now)
        else:
            self._virtual_modes[vm] = low
            self._vms[vm].about_to_enter(now, low)
        self._show(now.t)

    def _instant(self, now: Now, pc: int, kind: int, payload: int, owner: int) -> None:
        vm = 0 if self._stack.placement == "bare" else owner - 1
        name = marks.MARK_NAMES.get(kind, f"mark {kind}")
        known = self._stack.guests[vm].workloads if 0 <= vm < len(self._stack.guests) else ()
        workload = known[payload] if kind in (_BEGIN, _END) and payload < len(known) else ""
        track = self._vms[owner - 1].marks if 0 < owner <= len(self._vms) else self._hart.marks
        args: list[tuple[str, int | str]] = [
            ("payload", payload),
            ("pc", pc),
            ("at", self._place(pc)),
        ]
        self._trace.write(pb.event(now.t, pb.INSTANT, track, f"{name} {workload}".strip(), args))
        if workload:
            self._workload(vm, payload, workload).switch(now.t, workload * (kind == _BEGIN))

    def _workload(self, vm: int, number: int, name: str) -> Lane:
        if (vm, number) not in self._workloads:
            parent = self._vms[vm].group if self._vms else 0
            track = self._trace.track(f"workload {name}", parent)
            self._workloads[vm, number] = Lane(self._trace, track)
        return self._workloads[vm, number]

    # ---- processes of the host ------------------------------------------------------------------

    def _process(self, now: Now, pid: int) -> None:
        before = self._processes.get(self._pid) if self._pid is not None else None
        if before is not None:
            before.switch(now.t, "")
        self._pid = pid
        if pid not in self._processes and len(self._processes) < MOST_PROCESSES:
            name = f"pid {pid}" if pid else "idle"
            track = self._trace.track(name, self._host)
            self._processes[pid] = Lane(self._trace, track)
        if pid in self._processes:
            self._processes[pid].switch(now.t, "runs" if pid else "waits")
        self._show(now.t)

    def _read_processes(self) -> None:
        """Names, and who serves a VM, as far as the host's table has them now."""
        try:
            processes = self._names.layers.processes()
        except (SimVirtError, ValueError, IndexError):  # another host, or a broken one
            return
        for pid, (name, vm) in processes.items():
            if vm is not None:
                self._vm_of_pid.setdefault(pid, vm)
            if pid in self._processes:
                served = "" if vm is None else f" (VM {vm})"
                self._trace.rename(self._processes[pid].uuid, f"pid {pid} {name}{served}")

    # ---- the end --------------------------------------------------------------------------------

    def close(self) -> None:
        """End what is open, and write the file.  Raises OSError, and leaves nothing then."""
        now = self._now()
        for lane in self._lanes():
            lane.finish(now.t)
        for hart in self._harts:
            hart.traps.finish(now.t)
        for vm in self._vms:
            vm.finish(now)
        self._trace.close()

    def discard(self) -> None:
        """The run's end is not known: leave no file."""
        self._trace.discard()
