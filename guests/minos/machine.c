/* machine.c: the only code in M-mode: what firmware would do, before the kernel starts.
 *
 * It opens memory to S and U, sends them their own traps, lets S read the time
 * and use its timer, and is never entered again unless something is wrong. */
#include "kernel.h"

void machine_trap_entry(void);

/* One PMP entry over all addresses: without one, S and U can access nothing. */
static void open_memory(void)
{
	csr_write(CSR_PMPADDR0, ~0UL >> 10);
	csr_write(CSR_PMPCFG0, PMP_NAPOT | PMP_R | PMP_W | PMP_X);
}

/* Everything that a kernel in S can handle itself goes there directly.  Its own
 * ecall does not: minos makes none, so one would be a mistake. */
static void delegate_traps(void)
{
	csr_write(CSR_MEDELEG, MEDELEG_WRITABLE & ~(1UL << CAUSE_ECALL_S));
	csr_write(CSR_MIDELEG, MIDELEG_SSI | MIDELEG_STI | MIDELEG_SEI);
}

/* Runs on the boot stack; the result is kernel_main's argument. */
const void *machine_setup(u64 hart, const void *device_tree)
{
	(void)hart; /* there is one */
	csr_write(CSR_MTVEC, (u64)machine_trap_entry);
	open_memory();
	delegate_traps();
	csr_set(CSR_MENVCFG, MENVCFG_STCE);
	csr_write(CSR_MCOUNTEREN, MCOUNTEREN_TM);
	csr_clear(CSR_MSTATUS, MSTATUS_MPP | MSTATUS_MPIE);
	csr_set(CSR_MSTATUS, (u64)PRIV_S << MSTATUS_MPP_SHIFT);
	return device_tree;
}

void machine_trap(void)
{
	panic_trap(__func__, "a trap reached M-mode", csr_read(CSR_MCAUSE), csr_read(CSR_MEPC),
		   csr_read(CSR_MTVAL));
}
