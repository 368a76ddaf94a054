/* print.c: the kernel's own words, on the host's console. */
#include "../../lib/format.h"
#include "kernel.h"

static const char *const exception_names[] = {
	[CAUSE_INSN_MISALIGNED] = "instruction address misaligned",
	[CAUSE_INSN_ACCESS_FAULT] = "instruction access fault",
	[CAUSE_ILLEGAL_INSN] = "illegal instruction",
	[CAUSE_BREAKPOINT] = "breakpoint",
	[CAUSE_LOAD_MISALIGNED] = "load address misaligned",
	[CAUSE_LOAD_ACCESS_FAULT] = "load access fault",
	[CAUSE_STORE_MISALIGNED] = "store address misaligned",
	[CAUSE_STORE_ACCESS_FAULT] = "store access fault",
	[CAUSE_ECALL_U] = "system call",
	[CAUSE_INSN_PAGE_FAULT] = "instruction page fault",
	[CAUSE_LOAD_PAGE_FAULT] = "load page fault",
	[CAUSE_STORE_PAGE_FAULT] = "store page fault",
};

const char *cause_name(u64 cause)
{
	if (cause & CAUSE_INTERRUPT)
		return "interrupt";
	if (cause < sizeof(exception_names) / sizeof(*exception_names) && exception_names[cause])
		return exception_names[cause];
	return "unknown exception";
}

static void print(const char *format, va_list arguments)
{
	char text[256];

	vsnprintf(text, sizeof(text), format, arguments);
	for (const char *c = text; *c != '\0'; c++)
		channel_put(host_channel(), (u8)*c);
}

void kprintf(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	print(format, arguments);
	va_end(arguments);
}

_Noreturn void poweroff(u64 code)
{
	volatile u32 *finisher = (volatile u32 *)BOARD_FINISHER;

	*finisher = code == 0 ? FINISHER_PASS : FINISHER_FAIL | (u32)(code & 0xffff) << 16;
	for (;;)
		wait_for_interrupt();
}

_Noreturn void panic(const char *format, ...)
{
	va_list arguments;

	csr_write(CSR_STVEC, (u64)kernel_dead); /* what can fail now must not come back here */
	kprintf("host: kernel panic: ");
	va_start(arguments, format);
	print(format, arguments);
	va_end(arguments);
	kprintf("\n");
	poweroff(EXIT_KILLED);
}
