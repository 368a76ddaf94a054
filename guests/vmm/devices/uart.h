/* uart.h: the virtual 16550, the guest's console. */
#pragma once
#include <types.h>

enum { UART_FIFO = 16 };

struct vm;

struct uart {
	u8 ier, fcr, lcr, mcr, scr, dll, dlm;
	bool overrun;
	bool tx_event; /* "transmitter empty" has not been acknowledged */
	u8 rx[UART_FIFO];
	u8 head, count;
};

void uart_reset(struct uart *u);

/* Registers are bytes at offsets 0 to 7.  A write to THR goes to the console
 * through hal_console_put at once, so the transmitter is always empty. */
u8 uart_read(struct vm *vm, u32 offset);
void uart_write(struct vm *vm, u32 offset, u8 value);

/* Take waiting console input into the FIFO while there is room. */
void uart_poll(struct vm *vm);

/* Could console input make it interrupt? */
bool uart_could_interrupt(const struct uart *u);

/* The interrupt line's level. */
bool uart_irq(const struct uart *u);
