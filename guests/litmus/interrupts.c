/* interrupts.c: which interrupt is taken, where, and what the status becomes. */
#include "litmus.h"

enum { CLINT_MSIP = 0, CLINT_MTIMECMP = 0x4000 };

static struct space space __attribute__((aligned(PAGE)));

static void random_pending(void)
{
	csr_write(CSR_MIP, random() & MIP_WRITABLE);
	*(volatile u32 *)(BOARD_CLINT + CLINT_MSIP) = choose(2);
	*(volatile u64 *)(BOARD_CLINT + CLINT_MTIMECMP) = choose(2) ? 0 : ~0ul;
}

/* All handlers of S lead to the landing stub, vectored ones through it and beyond. */
static void random_delegation(void)
{
	csr_write(CSR_MENVCFG, 0);
	csr_write(CSR_MIDELEG, random());
	csr_write(CSR_STVEC, S_STUBS + ((u64)stub_landing & (PAGE - 1)));
	csr_write(CSR_SCAUSE, 0);
	csr_write(CSR_SEPC, 0);
}

void test_interrupts(u64 n)
{
	const u64 enables = MSTATUS_SIE | MSTATUS_SPIE | MSTATUS_MPIE | MSTATUS_SPP;
	u64 mode = choose(3) == 2 ? PRIV_M : choose(2), mie = random() & MIE_WRITABLE;
	u64 landing = (u64)stub_landing & (PAGE - 1);
	struct probe p = {.mstatus = mode_status(mode) | (random() & enables)};

	space_init(&space);
	p.satp = space_satp(&space, 5);
	p.pc = mode == PRIV_M ? (u64)stub_landing : stub_address(mode, 0) + landing;
	csr_write(CSR_MIE, 0);
	random_delegation();
	random_pending();
	sfence_all();
	csr_write(CSR_MIE, mie);
	probe_run(&p);
	csr_write(CSR_MIE, 0);
	RECORD(n, mode, mie, p.mstatus, p.mcause, p.mtval, p.mepc, p.mstatus_after,
	       csr_read(CSR_SCAUSE), csr_read(CSR_SEPC), csr_read(CSR_STVAL), csr_read(CSR_MIP));
}
