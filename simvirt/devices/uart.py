"""A 16550 UART with byte registers; the transmitter is infinitely fast.

Input arrives through ``feed``.  What does not fit the receive FIFO (16 bytes; 1 with the FIFO off)
waits outside, as at a sender with flow control, so input from outside is never lost.  Nothing
enters before software has asked for it (read RBR or LSR, or enabled the receive interrupt): a
driver that sets up the FIFO clears it, and would lose what came earlier.  An overrun
can only be made in loopback mode: the byte is dropped (FIFO) or replaces the waiting one (no
FIFO), and LSR.OE is set.  The character timeout is reported at once when fewer bytes than the
trigger level wait.  Modem lines never change, so there is no modem-status interrupt.  The
interrupt wire is driven when something may have changed, also to the level that it has; looking at
a status register is no such thing (drivers poll it, and the PLIC takes each drive for a request).
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from simvirt.devices.base import Field, IrqLine, NoIrq, Reg, RegisterMap

DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR = range(8)

IER_RX, IER_TX, IER_LINE, IER_MODEM = 1, 2, 4, 8
IIR_NONE, IIR_TX, IIR_RX, IIR_LINE, IIR_TIMEOUT = 0x01, 0x02, 0x04, 0x06, 0x0C
IIR_FIFO = 0xC0
FCR_ENABLE, FCR_CLEAR_RX = 0x01, 0x02
LCR_DLAB = 0x80
MCR_OUT2, MCR_LOOP = 0x08, 0x10
LSR_READY, LSR_OVERRUN, LSR_TX_IDLE = 0x01, 0x02, 0x60
MSR_LINES = 0xB0
FIFO_DEPTH = 16
TRIGGER = (1, 4, 8, 14)

REGS = (
    Reg(DATA, "rbr_thr_dll", 1, "rw", "receive / transmit; divisor low byte when LCR.DLAB"),
    Reg(IER, "ier_dlm", 1, "rw", "interrupt enable; divisor high byte when LCR.DLAB", fields=(
        Field("rx", 0, "bytes have been received"),
        Field("tx", 1, "the transmitter is empty"),
        Field("line", 2, "an overrun"),
        Field("modem", 3, "kept; modem lines never change"),
    )),
    Reg(IIR_FCR, "iir_fcr", 1, "rw", "read: interrupt identification; write: FIFO control",
        reset=IIR_NONE, fields=(
        Field("cause", 0, "read: 1 none, 2 tx, 4 rx, 6 line, 12 timeout", 4),
        Field("fifo", 6, "read: 3 with FIFO; write: rx trigger level 1, 4, 8, 14", 2),
        Field("enable", 0, "write: FIFO on"),
        Field("clear_rx", 1, "write: empty the receive FIFO"),
    )),
    Reg(LCR, "lcr", 1, "rw", "line control", fields=(
        Field("dlab", 7, "the first two registers are the divisor"),
    )),
    Reg(MCR, "mcr", 1, "rw", "modem control", reset=MCR_OUT2, fields=(
        Field("outputs", 0, "dtr, rts, out1, out2", 4),
        Field("loop", 4, "loopback: what is sent is received"),
    )),
    Reg(LSR, "lsr", 1, "rw", "line status; reading clears OE; writes are ignored",
        reset=LSR_TX_IDLE, fields=(
        Field("ready", 0, "a byte has been received"),
        Field("overrun", 1, "a byte was lost"),
        Field("tx_idle", 5, "both bits are always set: the transmitter is infinitely fast", 2),
    )),
    Reg(MSR, "msr", 1, "rw", "modem status: CTS, DSR, DCD; writes are ignored", reset=MSR_LINES),
    Reg(SCR, "scr", 1, "rw", "scratch"),
)  # fmt: skip


@dataclass(frozen=True)
class UartState:
    """Registers, the bytes that wait inside and outside, and how many bytes have been sent."""

    ier: int
    fcr: int
    lcr: int
    mcr: int
    scr: int
    divisor: int
    overrun: bool
    tx_event: bool
    fifo: bytes
    backlog: bytes
    sent: int
    ready: bool = False


_RESET = UartState(0, 0, 0, MCR_OUT2, 0, 12, False, False, b"", b"", 0)


class Uart:
    """One 16550.  ``output`` collects what was sent; ``sink``, if given, hears each byte."""

    regs = REGS

    _ier: int
    _fcr: int
    _lcr: int
    _mcr: int
    _scr: int
    _divisor: int
    _overrun: bool
    _tx_event: bool
    _sent: int
    _ready: bool

    def __init__(
        self, irq: IrqLine | None = None, sink: Callable[[int], None] | None = None
    ) -> None:
        self._irq: IrqLine = irq if irq is not None else NoIrq()
        self.sink = sink
        self.output = bytearray()
        self._map = RegisterMap("UART", REGS)
        self._fifo: deque[int] = deque()
        self._backlog: deque[int] = deque()
        self._load(_RESET)

    # Input

    def feed(self, data: bytes) -> None:
        """Bytes arrive on the line, in order."""
        self._backlog.extend(data)
        self._refill()

    def _receive(self) -> None:
        """Software listens: let the sender begin."""
        if not self._ready:
            self._ready = True
            self._refill()

    def _depth(self) -> int:
        return FIFO_DEPTH if self._fcr & FCR_ENABLE else 1

    def _refill(self) -> None:
        """Take in what fits, and tell."""
        if not self._ready or self._mcr & MCR_LOOP:
            return
        count = min(len(self._backlog), self._depth() - len(self._fifo))
        for _ in range(count):
            self._fifo.append(self._backlog.popleft())
        if count > 0:
            self._update()

    # Interrupts

    def _cause(self) -> int:
        """The low bits of IIR: the most urgent enabled cause."""
        if self._ier & IER_LINE and self._overrun:
            return IIR_LINE
        if self._ier & IER_RX and self._fifo:
            full = not self._fcr & FCR_ENABLE or len(self._fifo) >= TRIGGER[self._fcr >> 6]
            return IIR_RX if full else IIR_TIMEOUT
        if self._ier & IER_TX and self._tx_event:
            return IIR_TX
        return IIR_NONE

    def _update(self) -> None:
        self._irq.set(self._cause() != IIR_NONE)

    # Registers

    def peek(self, offset: int, width: int) -> int:
        """Read a register without taking the byte or clearing anything."""
        self._map.find(offset, width, "r")
        if self._lcr & LCR_DLAB and offset in (DATA, IER):
            return self._divisor >> 8 * offset & 0xFF
        return self._value(offset)

    def _value(self, offset: int) -> int:
        """A register by itself; the one that drivers poll comes first."""
        if offset == LSR:
            return self._line_status()
        if offset == DATA:
            return self._fifo[0] if self._fifo else 0
        if offset == IIR_FCR:
            return self._cause() | (IIR_FIFO if self._fcr & FCR_ENABLE else 0)
        if offset == MSR:
            return self._modem_status()
        return {IER: self._ier, LCR: self._lcr, MCR: self._mcr, SCR: self._scr}[offset]

    def _line_status(self) -> int:
        received = (LSR_READY if self._fifo else 0) | (LSR_OVERRUN if self._overrun else 0)
        return LSR_TX_IDLE | received

    def _modem_status(self) -> int:
        if not self._mcr & MCR_LOOP:
            return MSR_LINES
        dtr, rts, outs = self._mcr & 1, self._mcr >> 1 & 1, self._mcr >> 2 & 3
        return rts << 4 | dtr << 5 | outs << 6

    def read(self, offset: int, width: int) -> int:
        """Read a register, with what follows from reading it."""
        if offset == LSR or (offset == DATA and not self._lcr & LCR_DLAB):
            self._receive()
        value = self.peek(offset, width)
        if offset == DATA and not self._lcr & LCR_DLAB and self._fifo:
            self._fifo.popleft()
            self._refill()
            self._update()
        elif offset == IIR_FCR and value & 0xF == IIR_TX:
            self._tx_event = False
            self._update()
        elif offset == LSR and self._overrun:
            self._overrun = False
            self._update()
        return value

    def write(self, offset: int, width: int, value: int) -> None:
        """Write a register."""
        self._map.find(offset, width, "w")
        value &= 0xFF
        if self._lcr & LCR_DLAB and offset in (DATA, IER):
            self._divisor = self._divisor & ~(0xFF << 8 * offset) | value << 8 * offset
        else:
            self._write_plain(offset, value)
            if offset in (DATA, IER, IIR_FCR):
                self._update()

    def _write_plain(self, offset: int, value: int) -> None:
        if offset == DATA:
            self._transmit(value)
        elif offset == IER:
            # The transmitter is empty: enabling its interrupt is an event in itself.
            self._tx_event |= bool(value & ~self._ier & IER_TX)
            self._ier = value & 0x0F
            if value & IER_RX:
                self._receive()
        elif offset == IIR_FCR:
            self._set_fcr(value)
        elif offset == LCR:
            self._lcr = value
        elif offset == MCR:
            self._mcr = value & 0x1F
            self._refill()
        elif offset == SCR:
            self._scr = value

    def _set_fcr(self, value: int) -> None:
        if value & FCR_CLEAR_RX or (value ^ self._fcr) & FCR_ENABLE:
            self._fifo.clear()
        self._fcr = value & (0xC0 | FCR_ENABLE) if value & FCR_ENABLE else 0
        self._refill()

    def _transmit(self, byte: int) -> None:
        self._tx_event = True
        if self._mcr & MCR_LOOP:
            self._loop_back(byte)
            return
        self._sent += 1
        self.output.append(byte)
        if self.sink is not None:
            self.sink(byte)

    def _loop_back(self, byte: int) -> None:
        if len(self._fifo) < self._depth():
            self._fifo.append(byte)
            return
        self._overrun = True
        if not self._fcr & FCR_ENABLE:
            self._fifo[0] = byte

    # Snapshots

    def state(self) -> UartState:
        """All registers and waiting bytes."""
        return UartState(
            self._ier, self._fcr, self._lcr, self._mcr, self._scr, self._divisor, self._overrun,
            self._tx_event, bytes(self._fifo), bytes(self._backlog), self._sent,
            self._ready,
        )  # fmt: skip

    def restore(self, state: UartState) -> None:
        """Set registers and waiting bytes; output sent after the snapshot is forgotten."""
        later = max(0, self._sent - state.sent)
        del self.output[max(0, len(self.output) - later) :]
        self._load(state)

    def _load(self, state: UartState) -> None:
        self._ier, self._fcr, self._lcr = state.ier, state.fcr, state.lcr
        self._mcr, self._scr, self._divisor = state.mcr, state.scr, state.divisor
        self._overrun, self._tx_event = state.overrun, state.tx_event
        self._fifo, self._backlog = deque(state.fifo), deque(state.backlog)
        self._sent, self._ready = state.sent, state.ready
