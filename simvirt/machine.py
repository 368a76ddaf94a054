"""The machine: state, devices on a bus, and the loop that answers the kernel's exits.

This loop has the shape of KVM's: run until something outside must act, act, run on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields

import numpy as np

from simvirt import board as board_map
from simvirt.board import Board, Slot
from simvirt.bus import Bus
from simvirt.core import engine, layout
from simvirt.core.state import PAGE, RAM_BASE, State
from simvirt.devices.base import AccessFault, Device, IrqLine, NoIrq
from simvirt.devices.block import Block
from simvirt.devices.clint import Clint
from simvirt.devices.finisher import Finisher, Verdict
from simvirt.devices.plic import Plic
from simvirt.devices.uart import Uart
from simvirt.devices.virtio import EmptySlot, Virtio
from simvirt.disk import Disk
from simvirt.dma import Dma
from simvirt.errors import InputError
from simvirt.events import Records
from simvirt.loader import Image, check_fits
from simvirt.outside import Input, Outside, Poke
from simvirt.timers import NEVER, pending, wake_tick

MSIP, SEIP, MEIP = 1 << 3, 1 << 9, 1 << 11
_MARK_EVENT = layout.EVENT_KINDS.index("MARK")


@dataclass(frozen=True)
class Stop:
    """Why a run came back.

    reason: "budget", "finished" (with `code`, 0 pass), "reset", "no-progress", "stuck" (waits
    and nothing can wake it), "stop" (breakpoint or selected event), "interrupted", "waiting"
    (for live input: only when the machine was told that there may be some).
    """

    reason: str
    t: int
    code: int = 0


@dataclass(frozen=True)
class Module:
    """Bytes that the loader places in RAM beside the program."""

    address: int
    data: bytes
    name: str = ""


class _Line:
    """An interrupt wire into a hart's mip."""

    def __init__(self, machine: Machine, bit: int, hart: int) -> None:
        self._machine = machine
        self._bit = bit
        self._hart = hart

    def set(self, level: bool) -> None:
        self._machine.drive(self._bit, level, self._hart)


class Machine:
    """One board with its software loaded.  `consoles[0]` is the board's UART, then VM channels.

    `runner`, if set, does what is asked of `run` (a history does), by means of `advance`.
    `stopover`, if set, is called once, between two steps, when its t comes; it may only read.
    """

    def __init__(
        self,
        board: Board,
        image: Image,
        device_tree: bytes,
        modules: Sequence[Module] = (),
        event_records: int = 1 << 16,
        disks: Sequence[Disk] = (),
    ) -> None:
        """Load everything and reset.  Raises InputError when something does not fit RAM."""
        if len(disks) != board.disks:
            raise ValueError(f"a board with {board.disks} disks was given {len(disks)}")
        self.board = board
        self.image = image
        self.state = State(board.ram_size, event_records)
        self.variant = "fast"
        self.notice: Callable[[str], None] | None = None
        self.listeners: list[Callable[[Records], None]] = []
        self._mark_handlers: dict[int, list[Callable[[int], bool]]] = {}
        self.inputs: list[Outside] = []
        self.before_input: Callable[[], None] | None = None
        self.runner: Callable[[int], Stop] | None = None
        self.stopover: tuple[int, Callable[[], None]] | None = None
        self.live_input = False
        self.pace: Callable[[int], int] | None = None
        self.finished: tuple[Verdict, int] | None = None
        self._build_bus(disks)
        self._load(image, device_tree, modules)
        for cost in fields(board.costs):
            self.state.set_mach(f"cost_{cost.name}", getattr(board.costs, cost.name))
        self.state.set_mach("ad_faults", int(board.ad_faults))

    # ---- construction ------------------------------------------------------------------------

    def _build_bus(self, disks: Sequence[Disk]) -> None:
        self.bus = Bus()
        self.dma = Dma(self.state)
        self.clint = Clint(self.board.harts, self.ticks, self)
        harts = range(self.board.harts)
        self.plic = Plic([_Line(self, bit, hart) for hart in harts for bit in (MEIP, SEIP)])
        self.consoles: list[Uart] = []
        self.disks: list[Virtio] = []
        media = iter(disks)
        for slot in self.board.slots():
            self.bus.attach(slot.base, slot.size, slot.name, self._device(slot, media))
        self.state.set_windows([(window.base, window.end) for window in self.bus.mappings])

    def _device(self, slot: Slot, media: Iterator[Disk]) -> Device:
        irq: IrqLine = self.plic.source(slot.irq) if slot.irq else NoIrq()
        if slot.kind == "uart":
            self.consoles.append(Uart(irq))
            return self.consoles[-1]
        if slot.kind == "virtio-blk":
            backend = Block(next(media), slot.name)
            disk = Virtio(backend, self.dma, self.now, irq, board_map.DISK_STEPS)
            self.disks.append(disk)
            return disk
        if slot.kind == "virtio-empty":
            return EmptySlot()
        made: dict[str, Device] = {
            "finisher": Finisher(self._finish), "clint": self.clint, "plic": self.plic,
        }  # fmt: skip
        return made[slot.kind]

    def _load(self, image: Image, device_tree: bytes, modules: Sequence[Module]) -> None:
        check_fits(image, RAM_BASE, self.board.ram_size)
        for segment in image.segments:
            self.state.write_ram(segment.paddr, segment.data)
        for module in modules:
            if module.address + len(module.data) > self.board.ram_end:
                raise InputError(f"{module.name}: does not fit RAM at {module.address:#x}")
            self.state.write_ram(module.address, module.data)
        address = self.board.dtb_address(len(device_tree))
        self.state.write_ram(address, device_tree)
        self.state.set_hart("pc", image.entry)
        self.state.set_hart("x11", address)
        self.state.start_harts(self.board.harts, self.board.quantum, self.board.seed)

    def own(self, base: int, size: int, vm: int) -> None:
        """Physical frames [base, base + size) belong to VM `vm`: law 6 is checked for them."""
        first = (base - RAM_BASE) // 4096
        self.state.arrays.owner[first : first + size // 4096] = vm + 1

    # ---- what devices see --------------------------------------------------------------------

    def now(self) -> int:
        """Machine time in steps: those that each hart has done, and those' worth of idling."""
        return self.state.mach("t") // self.board.harts + self.state.mach("idle")

    def ticks(self) -> int:
        """mtime in ticks of the timebase."""
        return self.now() // board_map.STEPS_PER_TICK

    def pending(self) -> int:
        """mip as software reads it now."""
        return pending(self.state, self.ticks())

    def counter(self, name: str) -> int:
        """ "time" in ticks, "minstret" or "mcycle", as software reads it now."""
        if name == "time":
            return self.ticks()
        state = self.state
        retired = state.mach("t") - state.hart("not_retired")
        extra = state.hart("extra_cycles") if name == "mcycle" else 0
        return (retired + extra + state.hart(f"{name}_base")) & NEVER

    def drive(self, bit: int, level: bool, hart: int = 0) -> None:
        """Set an interrupt line of a hart."""
        lines = self.state.hart("irq_lines", hart)
        self.state.set_hart("irq_lines", lines | bit if level else lines & ~bit, hart)

    def set_msip(self, hart: int, level: bool) -> None:
        """The CLINT's software interrupt."""
        self.drive(MSIP, level, hart)

    def set_mtimecmp(self, hart: int, value: int) -> None:
        """The CLINT's comparator."""
        self.state.set_hart("mtimecmp", value, hart)

    def _finish(self, verdict: Verdict, code: int) -> None:
        self.finished = (verdict, code)

    def send(self, data: bytes, channel: int = 0) -> None:
        """Bytes arrive at a console now; logged with the machine's position."""
        self._enter(Input(self.state.mach("t"), self.state.mach("idle"), channel, data))

    def poke(self, place: int | str, data: bytes) -> None:
        """Change RAM at a physical address, or a word of the hart, from outside; logged, too.

        Raises IndexError outside RAM.
        """
        if isinstance(place, int):
            self.state.read_ram(place, len(data))  # that it is RAM
        self._enter(Poke(self.state.mach("t"), self.state.mach("idle"), place, data))

    def _enter(self, item: Outside) -> None:
        if self.before_input is not None:
            self.before_input()
        self.inputs.append(item)
        item.enter(self)

    # ---- running -----------------------------------------------------------------------------

    def select_events(self, mask: int, stop_mask: int = 0) -> None:
        """Which kinds of event are recorded, and after which the machine comes out."""
        self.state.set_work("event_mask", mask)
        self.state.set_work("stop_mask", stop_mask)

    def on_mark(self, kind: int, handler: Callable[[int], bool]) -> None:
        """Call `handler` with the payload right after each mark of a kind (``isa.marks``).

        The machine stands right behind the mark; if the handler returns True, it comes out.
        """
        self._mark_handlers.setdefault(kind, []).append(handler)
        self.state.set_work("stop_marks", self.state.work("stop_marks") | 1 << kind)

    def _marked(self) -> bool:
        self.state.set_work("mark_hit", 0)
        self.flush_events()
        kind, payload = self.state.mach("mark_kind"), self.state.mach("mark_payload")
        wishes = [handler(payload) for handler in self._mark_handlers.get(kind, ())]
        return any(wishes) or bool(self.state.work("stop_mask") & 1 << _MARK_EVENT)

    def interrupt(self) -> None:
        """Ask a running machine (in another thread, or under a signal handler) to come out."""
        self.state.set_work("stop", 1)

    def _arrive(self) -> int:
        """The time; who waits for just this moment is called."""
        t = self.state.mach("t")
        if self.stopover is not None and self.stopover[0] == t:
            action, self.stopover = self.stopover[1], None
            self.flush_events()
            action()
        return t

    def run(self, max_steps: int) -> Stop:
        """Run at most `max_steps` steps, by `runner` if there is one."""
        return (self.runner or self.advance)(max_steps)

    def advance(self, max_steps: int) -> Stop:
        """As `run`, past a `runner`."""
        end = self.state.mach("t") + max_steps
        while self.finished is None:
            t = self._arrive()
            moment = self.stopover[0] if self.stopover is not None else end
            left = (moment if t < moment < end else end) - t
            if self.disks:
                if left > 0 and self._serve():
                    self.flush_events()
                    return Stop("stop", self.state.mach("t"))
                left = min(left, max(self._due() - self.now(), 0) * self.board.harts)
            reason = engine.run(self.state, left, self.variant, self.notice)
            if reason == "BUDGET" and self._arrive() < end:
                continue  # a device is due
            stop = self._answer(reason)
            if stop is not None:
                self.flush_events()
                return stop
        self.flush_events()
        return self._final()

    def _due(self) -> int:
        """When the next device has something to do; NEVER: none has."""
        return min((disk.due for disk in self.disks), default=NEVER)

    def _serve(self) -> bool:
        """Let the devices work whose time has come; True: a watched range was written to."""
        for disk in self.disks:
            if disk.due <= self.now():
                disk.serve()
        hit, self.dma.hit = self.dma.hit, False
        return hit

    def _answer(self, reason: str) -> Stop | None:
        t = self.state.mach("t")
        if reason == "MMIO":
            self._mmio()
            return None
        if reason == "WFI":
            return self._idle(t)
        if reason == "EVENTS_FULL":
            self.flush_events()
            return None
        if reason == "STOP" and self.state.work("mark_hit") and not self._marked():
            return None
        if reason == "STOP" and self.state.work("stop"):
            self.state.set_work("stop", 0)
            return Stop("interrupted", t)
        names = {"BUDGET": "budget", "STOP": "stop", "NO_PROGRESS": "no-progress"}
        return Stop(names[reason], t)

    def _final(self) -> Stop:
        assert self.finished is not None
        verdict, code = self.finished
        t = self.state.mach("t")
        if verdict is Verdict.RESET:
            return Stop("reset", t)
        return Stop("finished", t, code if verdict is not Verdict.PASS else 0)

    def _mmio(self) -> None:
        state = self.state
        address, width = state.work("mmio_address"), state.work("mmio_width")
        ready = 1
        try:
            if state.work("mmio_write"):
                self.bus.write(address, width, state.work("mmio_value"))
            else:
                state.set_work("mmio_value", self.bus.read(address, width))
        except AccessFault:
            ready = 2
        state.set_work("mmio_ready", ready)
        if self.finished is not None:  # the store that ends the machine completes, too
            engine.run(state, 1, self.variant)

    def _idle(self, t: int) -> Stop | None:
        """Every hart waits: time jumps to the next deadline, of a timer or a device.

        `pace`, if set, first waits outside (at a live console) as long as the jump, given in
        steps, takes; it says how many of them passed: fewer when input has arrived.
        """
        tick = min(wake_tick(self.state, hart) for hart in range(self.board.harts))
        deadline = min(tick * board_map.STEPS_PER_TICK, self._due())
        if deadline >= board_map.STEPS_PER_TICK << 60:
            enabled = [self.state.hart("mie", hart) for hart in range(self.board.harts)]
            can_wake = self.live_input and any(bits & (MEIP | SEIP) for bits in enabled)
            return Stop("waiting" if can_wake else "stuck", t)
        idle = self.state.mach("idle")
        jump = max(deadline - self.now(), 0)
        passed = min(self.pace(jump), jump) if self.pace is not None else jump
        self.state.set_mach("idle", idle + passed)
        return None if passed == jump else Stop("waiting", t)

    # ---- events ------------------------------------------------------------------------------

    def flush_events(self) -> None:
        """Hand the records in the ring to the listeners and empty it."""
        count = self.state.work("event_count")
        if count == 0:
            return
        records = self.state.arrays.events[:count].copy()
        self.state.set_work("event_count", 0)
        for listener in self.listeners:
            listener(records)

    # ---- breakpoints -------------------------------------------------------------------------

    def set_breakpoints(self, addresses: Sequence[int]) -> None:
        """Come out before an instruction at one of these physical addresses (in RAM)."""
        arrays = self.state.arrays
        if len(addresses) > layout.MAX_BREAKPOINTS:
            raise InputError(f"{len(addresses)} breakpoints; at most {layout.MAX_BREAKPOINTS}")
        arrays.flags[:] &= np.uint8(~layout.FLAG_BREAKPOINT & 0xFF)
        for i, address in enumerate(addresses):
            arrays.breakpoints[i] = address
            page = (address - RAM_BASE) // 4096
            arrays.flags[page] |= layout.FLAG_BREAKPOINT
            self.state.forget_code(page * PAGE, (page + 1) * PAGE)
        self.state.set_work("breakpoints", len(addresses))

    def set_watches(self, watches: Sequence[tuple[int, int, int]]) -> None:
        """Come out after an access to one of [first, end); third: 1 loads, 2 stores, 3 both."""
        arrays = self.state.arrays
        if len(watches) > layout.MAX_WATCHES:
            raise InputError(f"{len(watches)} watched ranges; at most {layout.MAX_WATCHES}")
        arrays.flags[:] &= np.uint8(~layout.FLAG_WATCHED & 0xFF)
        for i, (first, end, kinds) in enumerate(watches):
            arrays.watches[3 * i : 3 * i + 3] = (first, end, kinds)
            pages = slice((first - RAM_BASE) // 4096, (end - 1 - RAM_BASE) // 4096 + 1)
            arrays.flags[pages] |= layout.FLAG_WATCHED
        self.state.set_work("watches", len(watches))
        self.state.forget_pages()

    def pass_breakpoint(self) -> None:
        """Ignore a breakpoint at the current instruction once."""
        self.state.set_work("skip_stop", self.state.mach("t") + 1)
