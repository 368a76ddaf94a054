/* protect.c: physical memory protection, and loads and stores under MPRV. */
#include "litmus.h"

static struct space space __attribute__((aligned(PAGE)));

/* A config byte without the reserved W-without-R. */
static u64 config(u64 matching)
{
	u64 rights = choose(8);

	return matching | (rights & PMP_R ? rights : rights & ~(u64)PMP_W);
}

/* Two pages as TOR regions, one as NAPOT region, and everything else. */
static void random_protection(void)
{
	u64 test = TEST_RAM >> 2, page = PAGE >> 2;

	csr_write(CSR_PMPADDR0, test);
	csr_write(CSR_PMPADDR1, test + page);
	csr_write(CSR_PMPADDR2, test + 2 * page);
	csr_write(CSR_PMPADDR3, (test + 2 * page) | (page / 2 - 1));
	csr_write(CSR_PMPADDR4, ~0ul >> 10);
	csr_write(CSR_PMPCFG0, config(choose(4) ? PMP_TOR : PMP_OFF) << 8 |
			       config(choose(4) ? PMP_TOR : PMP_OFF) << 16 |
			       config(choose(2) ? PMP_NAPOT : PMP_OFF) << 24 |
			       (PMP_NAPOT | PMP_R | PMP_X | (choose(8) ? PMP_W : 0ul)) << 32);
}

static u64 map_test_pages(u64 flags)
{
	space_init(&space);
	for (u64 i = 0; i < TEST_PAGES; i++)
		space.low[2 + i] = pte(TEST_RAM + i * PAGE, flags);
	return space_satp(&space, 7);
}

void test_protection(u64 n)
{
	u64 mode = choose(2), kind = choose(STUBS), page = choose(4) * PAGE, paged = choose(2);
	u64 satp = map_test_pages(PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D);
	struct probe p = {.mstatus = mode_status(mode) | MSTATUS_SUM, .satp = paged ? satp : 0,
			  .pc = stub_address(paged ? mode : PRIV_M, kind),
			  .a1 = (paged ? TEST_L0 : TEST_RAM) + page};

	fill_test_pages();
	random_protection();
	sfence_all();
	probe_run(&p);
	protection_open();
	RECORD(n, kind, p.mcause, p.mtval, p.mepc, p.a0);
}

void test_mprv(u64 n)
{
	u64 flags = choose(256) | PTE_V | (choose(2) ? PTE_R | PTE_W | PTE_X : 0);
	u64 rights = random() & (MSTATUS_SUM | MSTATUS_MXR), kind = choose(STUBS_MPRV);
	u64 satp = map_test_pages(flags);
	struct probe p = {.pc = (u64)stubs_mprv + kind * STUB_SIZE, .mstatus = mode_status(PRIV_M),
			  .satp = satp, .a1 = TEST_L0 + choose(3) * 8,
			  .a2 = mode_status(choose(2)) | rights | MSTATUS_MPRV};

	fill_test_pages();
	sfence_all();
	probe_run(&p);
	RECORD(n, kind, flags, p.a2, p.mcause, p.mtval, p.mepc, p.a0, space.low[2],
	       *(u64 *)TEST_RAM, *(u64 *)(TEST_RAM + 8), p.mstatus_after & MSTATUS_READABLE);
}
