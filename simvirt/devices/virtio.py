"""virtio over MMIO, version 2: the registers through which a driver finds and drives a device.

A notified queue is served a fixed number of steps later, all that waits there at once, followed
by one interrupt; see ``due``.  A driver that breaks the rules makes the device set
DEVICE_NEEDS_RESET, with the reason in ``complaint``; nothing moves until it is reset.  What is no
register is an access fault (QEMU logs it and reads 0), so that a mistyped offset is seen.
Source: Virtual I/O Device (VIRTIO) 1.1, sections 2.1 and 4.2.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Protocol

from simvirt.devices import virtqueue as vq
from simvirt.devices.base import Field, Hit, IrqLine, Memory, Reg, RegisterMap, extract
from simvirt.devices.virtqueue import BrokenQueue, Chain, Queue

MAGIC = 0x7472_6976
VERSION = 2
VENDOR = 0x554D_4551  # "QEMU": drivers written for its board look for it
CONFIG = 0x100
VERSION_1 = 1 << 32
NEVER = (1 << 64) - 1

DRIVER_OK, FEATURES_OK, NEEDS_RESET = 4, 8, 64
USED_BUFFER, CONFIG_CHANGE = 1, 2
_WORD = 0xFFFF_FFFF

_IDENTITY = (
    Reg(0x000, "magic_value", 4, "r", '"virt"', reset=MAGIC),
    Reg(0x004, "version", 4, "r", "2: no legacy interface", reset=VERSION),
    Reg(0x008, "device_id", 4, "r", "2: a disk; 0: nothing is in this slot", reset=None),
    Reg(0x00C, "vendor_id", 4, "r", '"QEMU", which drivers for its board want', reset=VENDOR),
)
EMPTY_REGS = tuple(replace(reg, reset=reg.reset or 0) for reg in _IDENTITY)
_INTERRUPT = (
    Field("used_buffer", 0, "the device has used buffers"),
    Field("config_change", 1, "the device needs a reset"),
)
_STATUS = (
    Field("acknowledge", 0, "the driver has seen the device"),
    Field("driver", 1, "the driver knows how to drive it"),
    Field("driver_ok", 2, "the driver is ready"),
    Field("features_ok", 3, "features are agreed on; stays 0 if one was not offered"),
    Field("needs_reset", 6, "the driver broke the rules; only a reset helps"),
    Field("failed", 7, "the driver has given up"),
)
REGS = (
    *_IDENTITY,
    Reg(0x010, "device_features", 4, "r", "32 of the features that are offered", reset=None),
    Reg(0x014, "device_features_sel", 4, "w", "which 32: 0 the low ones, 1 the high ones"),
    Reg(0x020, "driver_features", 4, "w", "32 of the features that the driver takes"),
    Reg(0x024, "driver_features_sel", 4, "w", "which 32"),
    Reg(0x030, "queue_sel", 4, "w", "the queue that the next registers are about"),
    Reg(0x034, "queue_num_max", 4, "r", "its largest size; 0: no such queue", reset=vq.MAX_SIZE),
    Reg(0x038, "queue_num", 4, "w", "its size, a power of two"),
    Reg(0x044, "queue_ready", 4, "rw", "1: the device may use it"),
    Reg(0x050, "queue_notify", 4, "w", "a queue number: requests wait there"),
    Reg(0x060, "interrupt_status", 4, "r", "why the interrupt line is high", fields=_INTERRUPT),
    Reg(0x064, "interrupt_ack", 4, "w", "causes that have been handled", fields=_INTERRUPT),
    Reg(0x070, "status", 4, "rw", "how far the driver is; 0 resets the device", fields=_STATUS),
    Reg(0x080, "queue_desc_low", 4, "w", "physical address of the descriptor table, low half"),
    Reg(0x084, "queue_desc_high", 4, "w", "high half"),
    Reg(0x090, "queue_driver_low", 4, "w", "of the driver area: the available ring"),
    Reg(0x094, "queue_driver_high", 4, "w", "high half"),
    Reg(0x0A0, "queue_device_low", 4, "w", "of the device area: the used ring"),
    Reg(0x0A4, "queue_device_high", 4, "w", "high half"),
    Reg(0x0FC, "config_generation", 4, "r", "0: the configuration never changes"),
)
_AREAS = {"queue_desc": "descriptors", "queue_driver": "driver", "queue_device": "device"}


class Backend(Protocol):
    """What makes a virtio device a disk or anything else."""

    device_id: int
    features: int
    queues: int
    config_regs: tuple[Reg, ...]

    def config(self, name: str) -> int:
        """The value of a configuration register."""

    def handle(self, chain: Chain, memory: Memory) -> int:
        """Do a request; how many bytes were written to its buffers.  May raise BrokenQueue."""

    def state(self) -> Any:
        """As of a device."""

    def restore(self, state: Any) -> None:
        """As of a device."""


@dataclass(frozen=True)
class VirtioState:
    """The registers, when the queues are served next, and the state of the backend."""

    status: int
    device_sel: int
    driver_sel: int
    driver_features: int
    queue_sel: int
    interrupt: int
    queues: tuple[Queue, ...]
    due: int
    complaint: bytes
    backend: tuple[Any, ...]


@dataclass(frozen=True)
class EmptyState:
    """An empty slot remembers nothing."""


class EmptySlot:
    """A slot of the board without a device: it only says so (device id 0)."""

    regs = EMPTY_REGS

    def __init__(self) -> None:
        self._map = RegisterMap("empty virtio slot", EMPTY_REGS)

    def read(self, offset: int, width: int) -> int:
        """Who is there."""
        return self.peek(offset, width)

    def peek(self, offset: int, width: int) -> int:
        """Who is there."""
        reg = self._map.find(offset, width, "r").reg
        return reg.reset or 0

    def write(self, offset: int, width: int, value: int) -> None:
        """Nothing can be written."""
        self._map.find(offset, width, "w")

    def state(self) -> EmptyState:
        """Nothing."""
        return EmptyState()

    def restore(self, state: EmptyState) -> None:
        """Nothing to do."""


class Virtio:
    """One device behind its registers.

    ``now`` gives the time in steps; a queue is served ``delay`` (at least 1) of them after it was
    notified: whoever runs the machine calls ``serve`` when ``due`` has come.
    """

    def __init__(
        self,
        backend: Backend,
        memory: Memory,
        now: Callable[[], int],
        irq: IrqLine,
        delay: int,
    ) -> None:
        if delay < 1:
            raise ValueError(f"virtio: a delay of {delay} steps; the store must complete first")
        self.regs = (*REGS, *backend.config_regs)
        self._backend, self._memory, self._now = backend, memory, now
        self._irq, self._delay = irq, delay
        self._map = RegisterMap("virtio", self.regs)
        self._clear()

    def _clear(self) -> None:
        self._status = self._device_sel = self._driver_sel = 0
        self._driver_features = self._queue_sel = self._interrupt = 0
        self._queues = [Queue()] * self._backend.queues
        self.due = NEVER
        self.complaint = ""

    # Reading

    def read(self, offset: int, width: int) -> int:
        """Read a register; none has side effects."""
        return self.peek(offset, width)

    def peek(self, offset: int, width: int) -> int:
        """Read a register."""
        hit = self._map.find(offset, width, "r")
        return extract(self._value(hit), hit, width)

    def _value(self, hit: Hit) -> int:
        name = hit.reg.name
        if hit.reg.offset >= CONFIG:
            return self._backend.config(name)
        exists = self._queue_sel < len(self._queues)
        values = {
            "device_id": self._backend.device_id,
            "device_features": self._offered(),
            "queue_num_max": vq.MAX_SIZE if exists else 0,
            "queue_ready": int(exists and self._queues[self._queue_sel].ready),
            "interrupt_status": self._interrupt,
            "status": self._status,
        }
        return values.get(name, hit.reg.reset or 0)

    def _offered(self) -> int:
        features = self._backend.features | VERSION_1
        return features >> 32 * self._device_sel & _WORD if self._device_sel < 2 else 0

    # Writing

    def write(self, offset: int, width: int, value: int) -> None:
        """Write a register."""
        name = self._map.find(offset, width, "w").reg.name
        try:
            self._write(name, value)
        except BrokenQueue as error:
            self._break(str(error))

    def _write(self, name: str, value: int) -> None:
        if name == "status":
            self._set_status(value)
        elif name == "queue_notify":
            self._notify(value)
        elif name == "interrupt_ack":
            self._interrupt &= ~value
            self._irq.set(self._interrupt != 0)
        elif name == "device_features_sel":
            self._device_sel = value
        elif name == "driver_features_sel":
            self._driver_sel = value
        elif name == "driver_features":
            self._take_features(value)
        elif name == "queue_sel":
            self._queue_sel = value
        else:
            self._configure(name, value)

    def _take_features(self, value: int) -> None:
        if self._status & FEATURES_OK:
            raise BrokenQueue("features were written after they had been agreed on")
        if self._driver_sel < 2:
            shift = 32 * self._driver_sel
            self._driver_features &= ~(_WORD << shift)
            self._driver_features |= value << shift
        elif value:
            raise BrokenQueue(f"features {32 * self._driver_sel} and up do not exist")

    def _set_status(self, value: int) -> None:
        if value == 0:
            self._clear()
            self._irq.set(False)
            return
        refused = self._driver_features & ~(self._backend.features | VERSION_1)
        if value & FEATURES_OK and refused:
            value &= ~FEATURES_OK
        self._status = value & 0xFF & ~NEEDS_RESET | self._status & NEEDS_RESET

    def _configure(self, name: str, value: int) -> None:
        """A register of the selected queue."""
        if self._queue_sel >= len(self._queues):
            raise BrokenQueue(f"{name} of queue {self._queue_sel} was written; it does not exist")
        queue = self._queues[self._queue_sel]
        if name == "queue_ready":
            changed = replace(queue, ready=bool(value & 1))
            if changed.ready:
                vq.check(queue)
            elif queue.ready:  # to use it again the driver starts from the beginning
                changed = replace(changed, seen=0, used=0)
        elif queue.ready:
            raise BrokenQueue(f"{name} was written while the queue was ready")
        elif name == "queue_num":
            changed = replace(queue, size=value)
        else:
            changed = _place(queue, name, value)
        self._queues[self._queue_sel] = changed

    def _notify(self, number: int) -> None:
        if number >= len(self._queues):
            raise BrokenQueue(f"queue {number} was notified; it does not exist")
        if not self._queues[number].ready:
            raise BrokenQueue(f"queue {number} was notified before it was ready")
        if self._status & DRIVER_OK and not self._status & NEEDS_RESET:
            self.due = min(self.due, self._now() + self._delay)

    # Serving

    def serve(self) -> None:
        """Do all requests that wait, and raise the interrupt."""
        self.due = NEVER
        try:
            for number in range(len(self._queues)):
                if self._queues[number].ready:
                    self._drain(number)
        except BrokenQueue as error:
            self._break(str(error))

    def _drain(self, number: int) -> None:
        # Counted once: requests that the device's own writes make up are for the next notification.
        count = vq.waiting(self._memory, self._queues[number])
        for _ in range(count):
            queue = self._queues[number]
            chain = vq.take(self._memory, queue)
            written = self._backend.handle(chain, self._memory)
            vq.put(self._memory, queue, chain.head, written)
            self._queues[number] = replace(
                queue, seen=(queue.seen + 1) & 0xFFFF, used=(queue.used + 1) & 0xFFFF
            )
        if count and vq.interrupts_wanted(self._memory, self._queues[number]):
            self._raise(USED_BUFFER)

    def _raise(self, cause: int) -> None:
        self._interrupt |= cause
        self._irq.set(True)

    def _break(self, why: str) -> None:
        """Stop working; the first reason counts."""
        self.complaint = self.complaint or why
        self.due = NEVER
        self._status |= NEEDS_RESET
        if self._status & DRIVER_OK:
            self._raise(CONFIG_CHANGE)

    # Snapshots

    def state(self) -> VirtioState:
        """Registers, queues and backend."""
        return VirtioState(
            self._status, self._device_sel, self._driver_sel, self._driver_features,
            self._queue_sel, self._interrupt, tuple(self._queues), self.due,
            self.complaint.encode(), self._backend.state(),
        )  # fmt: skip

    def restore(self, state: VirtioState) -> None:
        """Become what `state` says.  Raises ValueError when no device can be in that state."""
        try:
            for queue in state.queues:
                if queue.ready:
                    vq.check(queue)
        except BrokenQueue as error:
            raise ValueError(f"virtio: {error}") from None
        if len(state.queues) != self._backend.queues:
            raise ValueError(f"virtio: {len(state.queues)} queues, not {self._backend.queues}")
        self._status, self._device_sel = state.status, state.device_sel
        self._driver_sel, self._driver_features = state.driver_sel, state.driver_features
        self._queue_sel, self._interrupt = state.queue_sel, state.interrupt
        self._queues, self.due = list(state.queues), state.due
        self.complaint = state.complaint.decode(errors="replace")
        self._backend.restore(state.backend)


def _place(queue: Queue, name: str, value: int) -> Queue:
    """The queue with half of the address of one of its areas replaced."""
    area, half = name.rsplit("_", 1)
    shift = 32 if half == "high" else 0
    field = _AREAS[area]
    old: int = getattr(queue, field)
    new = old & ~(_WORD << shift) | value << shift
    if field == "descriptors":
        return replace(queue, descriptors=new)
    return replace(queue, driver=new) if field == "driver" else replace(queue, device=new)
