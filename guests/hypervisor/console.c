/* console.c: real UARTs and the real PLIC: a console channel for each VM.
 *
 * Input stays in the UART until the guest takes it: the first byte interrupts,
 * the interrupt is switched off, and hal_console_get switches it on again when
 * it has read the last.
 */
#include "hypervisor.h"
#include "../lib/format.h"

enum {
	UART_DATA = 0, UART_IER = 1, UART_FCR = 2, UART_LCR = 3, UART_MCR = 4, UART_LSR = 5,
	IER_RX = 1,
	FCR_ENABLE = 1,
	LCR_8_BITS = 3,
	MCR_OUT2 = 8,
	LSR_READY = 0x01,
	LSR_TX_EMPTY = 0x20,
	PLIC_ENABLE = 0x2000, /* context 0: M of hart 0 */
	PLIC_THRESHOLD = 0x200000,
	PLIC_CLAIM = 0x200004,
	LINE = 256,
};

static volatile u8 *uart_reg(u64 uart, u32 reg)
{
	return (volatile u8 *)(uart + reg);
}

static volatile u32 *plic_reg(u64 offset)
{
	return (volatile u32 *)(BOARD_PLIC + offset);
}

static void channel_init(const struct machine_vm *m)
{
	*uart_reg(m->uart, UART_LCR) = LCR_8_BITS;
	*uart_reg(m->uart, UART_FCR) = FCR_ENABLE;
	*uart_reg(m->uart, UART_MCR) = MCR_OUT2;
	*uart_reg(m->uart, UART_IER) = IER_RX;
	*plic_reg(4 * m->uart_irq) = 1;
	*plic_reg(PLIC_ENABLE + m->uart_irq / 32 * 4) |= 1u << m->uart_irq % 32;
}

void console_init(void)
{
	for (u32 i = 0; i < hv.count; i++)
		channel_init(&hv.vm[i]);
	*plic_reg(PLIC_THRESHOLD) = 0;
	csr_write(CSR_MIE, MIE_STIE | MIE_MEIE);
}

/* VMs without a channel of their own all hear the first UART. */
void console_interrupt(void)
{
	u32 irq = *plic_reg(PLIC_CLAIM);

	for (u32 i = 0; i < hv.count; i++) {
		struct machine_vm *m = &hv.vm[i];

		if (m->uart_irq == irq) {
			*uart_reg(m->uart, UART_IER) = 0;
			m->input = true;
		}
	}
	if (irq)
		*plic_reg(PLIC_CLAIM) = irq;
}

void console_put(u64 uart, u8 byte)
{
	while (!(*uart_reg(uart, UART_LSR) & LSR_TX_EMPTY))
		;
	*uart_reg(uart, UART_DATA) = byte;
}

int console_get(struct machine_vm *m)
{
	if (*uart_reg(m->uart, UART_LSR) & LSR_READY)
		return *uart_reg(m->uart, UART_DATA);
	m->input = false;
	*uart_reg(m->uart, UART_IER) = IER_RX;
	return -1;
}

/* A line of the hypervisor's own, on the first UART. */
void message(const char *format, ...)
{
	char line[LINE];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof line, format, arguments);
	va_end(arguments);
	for (const char *s = "hypervisor: "; *s; s++)
		console_put(BOARD_UART0, *s);
	for (const char *s = line; *s; s++)
		console_put(BOARD_UART0, *s);
	console_put(BOARD_UART0, '\n');
}
