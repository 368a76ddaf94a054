"""The 16550: sending, receiving, interrupts, loopback."""

import pytest

from simvirt.devices.uart import (
    DATA,
    FCR_CLEAR_RX,
    FCR_ENABLE,
    FIFO_DEPTH,
    IER,
    IER_LINE,
    IER_RX,
    IER_TX,
    IIR_FCR,
    IIR_FIFO,
    IIR_LINE,
    IIR_NONE,
    IIR_RX,
    IIR_TIMEOUT,
    IIR_TX,
    LCR,
    LCR_DLAB,
    LSR,
    LSR_OVERRUN,
    LSR_READY,
    LSR_TX_IDLE,
    MCR,
    MCR_LOOP,
    MSR,
    SCR,
    Uart,
)
from tests.devices.test_registers import Line


@pytest.fixture
def line() -> Line:
    return Line()


@pytest.fixture
def uart(line: Line) -> Uart:
    return Uart(line)


def drain(uart: Uart) -> bytes:
    data = bytearray()
    while uart.read(LSR, 1) & LSR_READY:
        data.append(uart.read(DATA, 1))
    return bytes(data)


def test_reset_values_are_those_of_qemu(uart: Uart) -> None:
    assert [uart.read(offset, 1) for offset in range(8)] == [0, 0, 1, 0, 8, 0x60, 0xB0, 0]


def test_sending() -> None:
    heard = bytearray()
    uart = Uart(sink=heard.append)
    for byte in b"hi\xff":
        uart.write(DATA, 1, byte)
    assert heard == uart.output == b"hi\xff"
    assert uart.read(LSR, 1) == LSR_TX_IDLE


def test_divisor_hides_data_and_ier(uart: Uart) -> None:
    uart.write(LCR, 1, LCR_DLAB | 3)
    uart.write(DATA, 1, 0x34)
    uart.write(IER, 1, 0x12)
    assert (uart.read(DATA, 1), uart.read(IER, 1)) == (0x34, 0x12)
    uart.write(LCR, 1, 3)
    assert (uart.read(DATA, 1), uart.read(IER, 1)) == (0, 0)
    assert not uart.output


@pytest.mark.parametrize("fcr", [0, FCR_ENABLE])
def test_no_input_is_lost(uart: Uart, fcr: int) -> None:
    uart.write(IIR_FCR, 1, fcr)
    data = bytes(range(100))
    uart.feed(data[:60])
    uart.feed(data[60:])
    assert drain(uart) == data


def test_receive_interrupt_without_fifo(uart: Uart, line: Line) -> None:
    uart.feed(b"ab")
    assert not line.level
    uart.write(IER, 1, IER_RX)
    assert line.level
    assert uart.read(IIR_FCR, 1) == IIR_RX
    assert uart.read(DATA, 1) == ord("a")
    assert line.level
    assert uart.read(DATA, 1) == ord("b")
    assert not line.level
    assert uart.read(IIR_FCR, 1) == IIR_NONE


def test_trigger_level_and_timeout(uart: Uart, line: Line) -> None:
    uart.write(IIR_FCR, 1, FCR_ENABLE | 0x40)  # trigger level 4
    uart.write(IER, 1, IER_RX)
    uart.feed(b"abc")
    assert line.level
    assert uart.read(IIR_FCR, 1) == IIR_FIFO | IIR_TIMEOUT
    uart.feed(b"d")
    assert uart.read(IIR_FCR, 1) == IIR_FIFO | IIR_RX


def test_transmit_interrupt(uart: Uart, line: Line) -> None:
    uart.write(IER, 1, IER_TX)
    assert line.level  # the transmitter is empty already
    assert uart.peek(IIR_FCR, 1) == uart.read(IIR_FCR, 1) == IIR_TX
    assert not line.level  # reading it was the acknowledgement
    uart.write(DATA, 1, 0x41)
    assert line.level
    uart.write(IER, 1, 0)
    assert not line.level


def test_clearing_the_fifo(uart: Uart) -> None:
    uart.write(IIR_FCR, 1, FCR_ENABLE)
    uart.read(LSR, 1)
    uart.feed(b"x" * FIFO_DEPTH)
    uart.write(IIR_FCR, 1, FCR_ENABLE | FCR_CLEAR_RX)
    assert drain(uart) == b""


@pytest.mark.parametrize("fcr", [FCR_ENABLE, FCR_ENABLE | FCR_CLEAR_RX])
def test_input_waits_for_the_driver(uart: Uart, fcr: int) -> None:
    uart.feed(b"early")
    uart.write(IIR_FCR, 1, fcr)
    uart.write(IER, 1, IER_RX)
    assert drain(uart) == b"early"


def test_loopback_and_overrun(uart: Uart, line: Line) -> None:
    uart.write(MCR, 1, MCR_LOOP | 3)
    assert uart.read(MSR, 1) == 0x30
    uart.write(IER, 1, IER_LINE)
    uart.write(DATA, 1, 1)
    assert not line.level
    uart.write(DATA, 1, 2)
    assert line.level
    assert uart.read(IIR_FCR, 1) == IIR_LINE
    assert uart.read(LSR, 1) & LSR_OVERRUN
    assert not line.level
    assert uart.read(DATA, 1) == 2
    assert not uart.output


def test_scratch_and_ignored_writes(uart: Uart) -> None:
    uart.write(SCR, 1, 0x5A)
    uart.write(LSR, 1, 0xFF)
    uart.write(MSR, 1, 0)
    assert [uart.read(offset, 1) for offset in (LSR, MSR, SCR)] == [0x60, 0xB0, 0x5A]


def test_restore_forgets_later_output(uart: Uart, line: Line) -> None:
    uart.write(IER, 1, IER_RX)
    uart.write(DATA, 1, 0x61)
    uart.feed(b"zz")
    state = uart.state()
    uart.write(DATA, 1, 0x62)
    drain(uart)
    uart.restore(state)
    assert uart.output == b"a"
    assert uart.read(IIR_FCR, 1) == IIR_RX
    assert drain(uart) == b"zz"


class Asked:
    """An interrupt line that counts how often it was driven high."""

    count = 0

    def set(self, level: bool) -> None:
        self.count += level


def test_polling_a_status_asks_for_no_interrupt() -> None:
    asked = Asked()
    uart = Uart(asked)
    uart.write(IER, 1, IER_TX | IER_RX)
    before = asked.count
    for offset in (LSR, MSR, SCR, LCR):
        uart.read(offset, 1)
    assert asked.count == before > 0
    uart.write(DATA, 1, 0x41)
    assert asked.count == before + 1


def test_a_byte_left_in_the_fifo_asks_again() -> None:
    asked = Asked()
    uart = Uart(asked)
    uart.write(IIR_FCR, 1, FCR_ENABLE)
    uart.write(IER, 1, IER_RX)
    uart.feed(b"ab")
    before = asked.count
    assert uart.read(DATA, 1) == ord("a")
    assert asked.count == before + 1
    assert uart.read(DATA, 1) == ord("b")
    assert asked.count == before + 1
