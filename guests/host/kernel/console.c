/* console.c: the UARTs (the host's own, and one for each VM) and the interrupt
 * controller that announces their input. */
#include "kernel.h"

enum { BUFFER = 256, CHANNELS = MAX_VMS + 1 };

enum uart_register { UART_DATA = 0, UART_IER = 1, UART_FCR = 2, UART_LCR = 3, UART_LSR = 5 };
enum {
	IER_RECEIVE = 1,
	FCR_ENABLE = 1,
	LCR_8_BITS = 3,
	LSR_RECEIVED = 1,
	LSR_CAN_SEND = 32,
};

enum plic_register {
	PLIC_PRIORITY = 0,
	PLIC_ENABLE_S = 0x2080, /* of context 1: S-mode of hart 0 */
	PLIC_THRESHOLD_S = 0x201000,
	PLIC_CLAIM_S = 0x201004,
};

struct channel {
	u64 uart; /* 0: there is none */
	u32 irq;
	bool full; /* the receive interrupt is off until somebody reads */
	u32 first, count;
	u8 buffer[BUFFER];
};

static struct channel channels[CHANNELS];

static volatile u8 *uart_at(const struct channel *c, enum uart_register r)
{
	return (volatile u8 *)(c->uart + r);
}

static volatile u32 *plic_at(u64 offset)
{
	return (volatile u32 *)(BOARD_PLIC + offset);
}

static void open_channel(struct channel *c, u64 uart, u32 irq)
{
	c->uart = uart;
	c->irq = irq;
	*uart_at(c, UART_LCR) = LCR_8_BITS;
	*uart_at(c, UART_FCR) = FCR_ENABLE;
	*uart_at(c, UART_IER) = IER_RECEIVE;
	*plic_at(PLIC_PRIORITY + 4 * irq) = 1;
	*plic_at(PLIC_ENABLE_S + 4 * (irq / 32)) |= 1U << irq % 32;
}

/* The host's own channel has to work before anything else does: see host_channel. */
void console_init(void)
{
	*plic_at(PLIC_THRESHOLD_S) = 0;
	open_channel(&channels[0], BOARD_UART0, BOARD_UART0_IRQ);
	for (u32 i = 0; i < MAX_VMS; i++)
		if (platform.vm[i].present && platform.vm[i].has_console)
			open_channel(&channels[i + 1], BOARD_VM_UART(platform.vm[i].console),
				     BOARD_VM_UART_IRQ(platform.vm[i].console));
}

struct channel *host_channel(void)
{
	channels[0].uart = BOARD_UART0;
	return &channels[0];
}

/* A VM without a UART of its own shares the host's. */
struct channel *vm_channel(u32 index)
{
	return channels[index + 1].uart != 0 ? &channels[index + 1] : &channels[0];
}

void channel_put(struct channel *c, u8 byte)
{
	while (!(*uart_at(c, UART_LSR) & LSR_CAN_SEND))
		;
	*uart_at(c, UART_DATA) = byte;
}

bool channel_waiting(const struct channel *c)
{
	return c->count > 0;
}

int channel_get(struct channel *c)
{
	u8 byte;

	if (c->count == 0)
		return ERR_EMPTY;
	byte = c->buffer[c->first];
	c->first = (c->first + 1) % BUFFER;
	c->count--;
	if (c->full) {
		c->full = false;
		*uart_at(c, UART_IER) = IER_RECEIVE;
	}
	return byte;
}

static void receive(struct channel *c)
{
	while (c->count < BUFFER && (*uart_at(c, UART_LSR) & LSR_RECEIVED)) {
		c->buffer[(c->first + c->count) % BUFFER] = *uart_at(c, UART_DATA);
		c->count++;
	}
	if (c->count == BUFFER) {
		c->full = true;
		*uart_at(c, UART_IER) = 0;
	}
	wake_up(c);
}

void console_interrupt(void)
{
	for (u32 irq; (irq = *plic_at(PLIC_CLAIM_S)) != 0; *plic_at(PLIC_CLAIM_S) = irq)
		for (int i = 0; i < CHANNELS; i++)
			if (channels[i].uart != 0 && channels[i].irq == irq)
				receive(&channels[i]);
}
