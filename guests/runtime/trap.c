/* trap.c: a program on the bare machine did what it cannot: say what, and end. */
#include "runtime.h"
#include <board.h>
#include <csr.h>
#include <stdio.h>

static const char *const words[] = {
	[CAUSE_INSN_MISALIGNED] = "jump to a misaligned address",
	[CAUSE_INSN_ACCESS_FAULT] = "instruction fetch where there is no memory",
	[CAUSE_ILLEGAL_INSN] = "illegal instruction",
	[CAUSE_BREAKPOINT] = "breakpoint (ebreak)",
	[CAUSE_LOAD_MISALIGNED] = "misaligned load",
	[CAUSE_LOAD_ACCESS_FAULT] = "load where there is nothing to read",
	[CAUSE_STORE_MISALIGNED] = "misaligned store",
	[CAUSE_STORE_ACCESS_FAULT] = "store where there is nothing to write",
	[CAUSE_ECALL_U] = "environment call (ecall) from U-mode",
	[CAUSE_ECALL_S] = "environment call (ecall) from S-mode",
	[CAUSE_ECALL_M] = "environment call (ecall) from M-mode",
	[CAUSE_INSN_PAGE_FAULT] = "instruction page fault",
	[CAUSE_LOAD_PAGE_FAULT] = "load page fault",
	[CAUSE_STORE_PAGE_FAULT] = "store page fault",
};

static const char *words_for(u64 cause)
{
	if (cause & CAUSE_INTERRUPT)
		return "interrupt that nobody handles";
	if (cause < sizeof(words) / sizeof(words[0]) && words[cause] != NULL)
		return words[cause];
	return "unknown exception";
}

/* From start.S.  What mtval holds depends on the cause. */
void runtime_trap(void)
{
	u64 cause = csr_read(CSR_MCAUSE);
	const char *value = cause == CAUSE_ILLEGAL_INSN ? "instruction" : "address";

	printf("trap: %s (cause %lu)\n", words_for(cause), cause & ~CAUSE_INTERRUPT);
	printf("  at pc %lx, %s %lx\n", csr_read(CSR_MEPC), value, csr_read(CSR_MTVAL));
	finish(cause & CAUSE_INTERRUPT ? BOARD_FINISHER_PANIC : BOARD_FINISHER_DIED + (u32)cause);
}
