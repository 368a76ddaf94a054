/* console.c: the UART (a 16550) and the finisher, which ends the machine.
 *
 * Output is polled: the kernel waits until the UART takes the byte.  Input comes
 * by interrupt, through the PLIC, into a ring from which SYS_READ takes it. */
#include "../lib/format.h"
#include "kernel.h"
#include <board.h>

enum { THR = 0, RBR = 0, IER = 1, LSR = 5 };		   /* registers of the UART */
enum { IER_RECEIVE = 1, LSR_READY = 1, LSR_EMPTY = 0x20 }; /* and bits in them */
enum { FINISHER_PASS = 0x5555, FINISHER_FAIL = 0x3333 };
enum { INPUT_SIZE = 128, LINE_SIZE = 192 };

/* The PLIC's registers for context 1, which is S-mode of hart 0. */
#define PLIC_PRIORITY(irq) (BOARD_PLIC + 4 * (irq))
#define PLIC_ENABLE (BOARD_PLIC + 0x2080)
#define PLIC_THRESHOLD (BOARD_PLIC + 0x201000)
#define PLIC_CLAIM (BOARD_PLIC + 0x201004)

static volatile u8 *const uart = (volatile u8 *)BOARD_UART0;

static char input[INPUT_SIZE];
static u32 input_read, input_written; /* count up; the ring index is the remainder */

static void write_device(u64 address, u32 value)
{
	*(volatile u32 *)address = value;
}

static u32 read_device(u64 address)
{
	return *(volatile u32 *)address;
}

void console_init(void)
{
	uart[IER] = IER_RECEIVE;
	write_device(PLIC_PRIORITY(BOARD_UART0_IRQ), 1);
	write_device(PLIC_ENABLE, 1U << BOARD_UART0_IRQ);
	write_device(PLIC_THRESHOLD, 0);
	csr_set(CSR_SIE, MIE_SEIE);
}

void console_put(const char *text, u64 size)
{
	for (u64 i = 0; i < size; i++) {
		while (!(uart[LSR] & LSR_EMPTY))
			;
		uart[THR] = (u8)text[i];
	}
}

int console_get(void)
{
	return input_read != input_written ? (u8)input[input_read++ % INPUT_SIZE] : -1;
}

/* An external interrupt: take all that has been typed; what does not fit is lost. */
void console_interrupt(void)
{
	u32 irq = read_device(PLIC_CLAIM);

	if (irq == BOARD_UART0_IRQ)
		while (uart[LSR] & LSR_READY) {
			char c = (char)uart[RBR];

			if (input_written - input_read < INPUT_SIZE)
				input[input_written++ % INPUT_SIZE] = c;
		}
	if (irq != 0)
		write_device(PLIC_CLAIM, irq);
	process_wake(READING);
}

void print(const char *format, ...)
{
	char line[LINE_SIZE];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	console_put(line, length < LINE_SIZE ? (u64)length : LINE_SIZE - 1);
}

/* Code 0 tells the machine that all is well, any other that it is not. */
void power_off(u32 code)
{
	write_device(BOARD_FINISHER, code == 0 ? FINISHER_PASS : FINISHER_FAIL | code << 16);
	for (;;)
		wait_for_interrupt();
}

/* The kernel cannot go on. */
void panic(const char *function, const char *why)
{
	print("minos: panic in %s: %s\n", function, why);
	power_off(BOARD_FINISHER_PANIC);
}

/* The same, because of a trap that it cannot handle. */
void panic_trap(const char *function, const char *why, u64 cause, u64 pc, u64 value)
{
	print("minos: panic in %s: %s (cause=%lx pc=%lx value=%lx)\n", function, why, cause, pc,
	      value);
	power_off(cause & CAUSE_INTERRUPT ? BOARD_FINISHER_PANIC
					  : BOARD_FINISHER_DIED + (u32)cause);
}
