/* uart.c: the virtual 16550.
 *
 * The transmitter is infinitely fast.  Input waits in the placement until the
 * FIFO has room, so only loopback can overrun it; the character timeout is
 * reported at once.  Modem lines never change.
 */
#include "../hal.h"

enum { DATA, IER, IIR_FCR, LCR, MCR, LSR, MSR, SCR };

enum {
	IER_RX = 1, IER_TX = 2, IER_LINE = 4, IER_MASK = 0x0f,
	IIR_NONE = 1, IIR_TX = 2, IIR_RX = 4, IIR_LINE = 6, IIR_TIMEOUT = 0xc, IIR_FIFO = 0xc0,
	FCR_ENABLE = 1, FCR_CLEAR_RX = 2, FCR_TRIGGER = 0xc0,
	LCR_DLAB = 0x80,
	MCR_OUT2 = 0x08, MCR_LOOP = 0x10, MCR_MASK = 0x1f,
	LSR_READY = 0x01, LSR_OVERRUN = 0x02, LSR_TX_IDLE = 0x60,
	MSR_LINES = 0xb0,
	RESET_DIVISOR = 12,
};

void uart_reset(struct uart *u)
{
	*u = (struct uart){.mcr = MCR_OUT2, .dll = RESET_DIVISOR};
}

static u8 depth(const struct uart *u)
{
	return u->fcr & FCR_ENABLE ? UART_FIFO : 1;
}

static void push(struct uart *u, u8 byte)
{
	u->rx[(u->head + u->count++) % UART_FIFO] = byte;
}

static u8 pop(struct uart *u)
{
	u8 byte = u->rx[u->head];

	if (!u->count)
		return 0;
	u->head = (u->head + 1) % UART_FIFO;
	u->count--;
	return byte;
}

void uart_poll(struct vm *vm)
{
	struct uart *u = &vm->uart;
	int byte;

	while (u->count < depth(u) && !(u->mcr & MCR_LOOP) && (byte = hal_console_get(vm)) >= 0)
		push(u, byte);
}

/* The most urgent enabled cause, as the low bits of IIR. */
static u8 cause(const struct uart *u)
{
	static const u8 trigger[] = {1, 4, 8, 14};

	if (u->ier & IER_LINE && u->overrun)
		return IIR_LINE;
	if (u->ier & IER_RX && u->count)
		return !(u->fcr & FCR_ENABLE) || u->count >= trigger[u->fcr >> 6] ? IIR_RX
										  : IIR_TIMEOUT;
	return u->ier & IER_TX && u->tx_event ? IIR_TX : IIR_NONE;
}

bool uart_irq(const struct uart *u)
{
	return cause(u) != IIR_NONE;
}

bool uart_could_interrupt(const struct uart *u)
{
	return u->ier & IER_RX && !(u->mcr & MCR_LOOP);
}

static u8 read_data(struct vm *vm)
{
	u8 byte = pop(&vm->uart);

	uart_poll(vm);
	return byte;
}

static u8 read_iir(struct uart *u)
{
	u8 why = cause(u);

	if (why == IIR_TX)
		u->tx_event = false;
	return why | (u->fcr & FCR_ENABLE ? IIR_FIFO : 0);
}

static u8 read_lsr(struct uart *u)
{
	u8 value = LSR_TX_IDLE | (u->count ? LSR_READY : 0) | (u->overrun ? LSR_OVERRUN : 0);

	u->overrun = false;
	return value;
}

/* In loopback the modem control outputs are the modem status inputs. */
static u8 read_msr(const struct uart *u)
{
	if (!(u->mcr & MCR_LOOP))
		return MSR_LINES;
	return (u->mcr >> 1 & 1) << 4 | (u->mcr & 1) << 5 | (u->mcr >> 2 & 3) << 6;
}

u8 uart_read(struct vm *vm, u32 offset)
{
	struct uart *u = &vm->uart;

	if (u->lcr & LCR_DLAB && offset <= IER)
		return offset == DATA ? u->dll : u->dlm;
	switch (offset) {
	case DATA: return read_data(vm);
	case IER: return u->ier;
	case IIR_FCR: return read_iir(u);
	case LCR: return u->lcr;
	case MCR: return u->mcr;
	case LSR: return read_lsr(u);
	case MSR: return read_msr(u);
	}
	return u->scr;
}

static void loop_back(struct uart *u, u8 byte)
{
	if (u->count < depth(u)) {
		push(u, byte);
		return;
	}
	u->overrun = true;
	if (!(u->fcr & FCR_ENABLE))
		u->rx[u->head] = byte;
}

static void transmit(struct vm *vm, u8 byte)
{
	vm->uart.tx_event = true;
	if (vm->uart.mcr & MCR_LOOP)
		loop_back(&vm->uart, byte);
	else
		hal_console_put(vm, byte);
}

static void write_ier(struct uart *u, u8 value)
{
	/* The transmitter is empty: enabling its interrupt is an event in itself. */
	if (value & ~u->ier & IER_TX)
		u->tx_event = true;
	u->ier = value & IER_MASK;
}

static void write_fcr(struct vm *vm, u8 value)
{
	struct uart *u = &vm->uart;

	if (value & FCR_CLEAR_RX || (value ^ u->fcr) & FCR_ENABLE)
		u->head = u->count = 0;
	u->fcr = value & FCR_ENABLE ? value & (FCR_TRIGGER | FCR_ENABLE) : 0;
	uart_poll(vm);
}

static void write_mcr(struct vm *vm, u8 value)
{
	vm->uart.mcr = value & MCR_MASK;
	uart_poll(vm);
}

static void write_divisor(struct uart *u, u32 offset, u8 value)
{
	if (offset == DATA)
		u->dll = value;
	else
		u->dlm = value;
}

void uart_write(struct vm *vm, u32 offset, u8 value)
{
	struct uart *u = &vm->uart;

	if (u->lcr & LCR_DLAB && offset <= IER) {
		write_divisor(u, offset, value);
		return;
	}
	switch (offset) {
	case DATA: transmit(vm, value); return;
	case IER: write_ier(u, value); return;
	case IIR_FCR: write_fcr(vm, value); return;
	case LCR: u->lcr = value; return;
	case MCR: write_mcr(vm, value); return;
	case SCR: u->scr = value; return;
	}
}
