/* machine.c: what is below the workloads: console, finisher, CLINT, traps.
 *
 * Interrupts are off except inside wait_until, so that nothing but a wait can be
 * interrupted, and a flag cannot change between looking at it and waiting. */
#include "../lib/format.h"
#include "uno.h"
#include <board.h>

enum { THR = 0, LSR = 5, LSR_EMPTY = 0x20 };
enum { FINISHER_PASS = 0x5555, FINISHER_FAIL = 0x3333 };

static volatile u32 *const msip = (volatile u32 *)BOARD_CLINT;
static volatile u64 *const mtimecmp = (volatile u64 *)(BOARD_CLINT + 0x4000);
static volatile u64 *const mtime = (volatile u64 *)(BOARD_CLINT + 0xbff8);

/* What trap() tells the code that waits for it. */
static volatile bool timer_fired, software_fired, illegal_expected, illegal_seen;
static volatile u64 call_argument;

void print(const char *format, ...)
{
	volatile u8 *uart = (volatile u8 *)BOARD_UART0;
	char line[160];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	for (const char *c = line; *c != '\0'; c++) {
		while (!(uart[LSR] & LSR_EMPTY))
			;
		uart[THR] = (u8)*c;
	}
}

void power_off(u32 code)
{
	volatile u32 *finisher = (volatile u32 *)BOARD_FINISHER;

	*finisher = code == 0 ? FINISHER_PASS : FINISHER_FAIL | code << 16;
	for (;;)
		wait_for_interrupt();
}

/* wfi goes on as soon as an interrupt is pending, even though it is not taken
 * before interrupts are on, which they are for one instruction. */
static void wait_until(const volatile bool *flag, u64 enable)
{
	csr_set(CSR_MIE, enable);
	while (!*flag) {
		wait_for_interrupt();
		csr_set(CSR_MSTATUS, MSTATUS_MIE);
		csr_clear(CSR_MSTATUS, MSTATUS_MIE);
	}
	csr_clear(CSR_MIE, enable);
}

void timer_wait(u64 ticks)
{
	timer_fired = false;
	*mtimecmp = *mtime + ticks;
	wait_until(&timer_fired, MIE_MTIE);
}

/* The hart interrupts itself, as one of several would another. */
void software_interrupt(void)
{
	software_fired = false;
	*msip = 1;
	wait_until(&software_fired, MIE_MSIE);
}

/* An environment call: trap() gets the value and its answer comes back. */
u64 trapped_call(u64 value)
{
	call_argument = value;
	__asm__ volatile("ecall" : : : "memory");
	return call_argument;
}

/* A write to a read-only CSR: an illegal instruction, which trap() skips. */
bool trapped_illegal(void)
{
	illegal_seen = false;
	illegal_expected = true;
	__asm__ volatile("csrw cycle, zero" : : : "memory");
	illegal_expected = false;
	return illegal_seen;
}

static void panic(u64 cause, u64 pc)
{
	print("uno: panic: trap with mcause=%lx mepc=%lx mtval=%lx\n", cause, pc,
	      csr_read(CSR_MTVAL));
	power_off(cause & CAUSE_INTERRUPT ? BOARD_FINISHER_PANIC
					  : BOARD_FINISHER_DIED + (u32)cause);
}

/* Every trap, from entry.S; the result is the pc to go on at. */
u64 trap(u64 cause, u64 pc)
{
	switch (cause) {
	case CAUSE_INTERRUPT | IRQ_M_TIMER:
		timer_fired = true;
		*mtimecmp = ~0UL; /* the interrupt is pending until this */
		return pc;
	case CAUSE_INTERRUPT | IRQ_M_SOFT:
		software_fired = true;
		*msip = 0;
		return pc;
	case CAUSE_ECALL_M:
		call_argument = ~call_argument;
		return pc + 4;
	case CAUSE_ILLEGAL_INSN:
		if (!illegal_expected)
			panic(cause, pc);
		illegal_seen = true;
		return pc + 4; /* of trapped_illegal: a CSR instruction is never a short one */
	default:
		panic(cause, pc);
		return pc;
	}
}
