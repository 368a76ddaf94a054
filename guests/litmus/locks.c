/* locks.c: PMP entries that are locked, one after the other, until all are.
 *
 * The last group, because nothing but a reset opens them again: its pages are only
 * touched by probes from here on.  Regions are whole pages: shadows know nothing
 * smaller.
 */
#include "litmus.h"

enum { BASE_FREE = 300, LOCK_SHIFT = 7, CODE_PAGE = 4, DATA_PAGES = 4, CODE_PAGES = 2 };

/* R, W, X and sometimes L for an entry, without the reserved W-without-R. */
static u64 config(u64 matching)
{
	u64 rights = choose(8), lock = choose(40) == 0;

	return matching | lock << LOCK_SHIFT | (rights & PMP_R ? rights : rights & ~(u64)PMP_W);
}

/* Entries 1 and 2 are ranges of data pages, entry 3 is the pages to jump to, 4 is the rest.
 * Entry 0 is only the base of the first range: at first no lock of its own hides that one. */
static void random_locks(u64 n)
{
	u64 test = TEST_RAM >> 2, page = PAGE >> 2;

	csr_write(CSR_PMPADDR0, test + choose(2) * page);
	csr_write(CSR_PMPADDR1, test + (1 + choose(2)) * page);
	csr_write(CSR_PMPADDR2, test + (2 + choose(3)) * page);
	csr_write(CSR_PMPADDR3, (test + CODE_PAGE * page) | (page * choose(2) + page / 2 - 1));
	csr_write(CSR_PMPADDR4, ~0ul >> 10);
	csr_write(CSR_PMPCFG0, (n < BASE_FREE ? 0 : config(PMP_OFF)) |
			       config(PMP_TOR) << 8 |
			       config(choose(4) ? PMP_TOR : PMP_OFF) << 16 |
			       config(choose(2) ? PMP_NAPOT : PMP_OFF) << 24 |
			       (u64)(PMP_NAPOT | PMP_R | PMP_X | PMP_W) << 32);
}

void test_locks(u64 n)
{
	static const u64 modes[] = {PRIV_U, PRIV_S, PRIV_M};
	u64 mode = modes[choose(3)], kind = choose(STUBS);
	u64 page = kind == STUB_JR ? CODE_PAGE + choose(CODE_PAGES) : choose(DATA_PAGES);
	struct probe p = {.mstatus = mode_status(mode), .pc = stub_address(PRIV_M, kind),
			  .a1 = TEST_RAM + page * PAGE};

	if (n == 0)
		fill_test_pages();
	random_locks(n);
	sfence_all();
	probe_run(&p);
	RECORD(n, kind, p.mcause, p.mtval, p.mepc, p.a0, csr_read(CSR_PMPCFG0),
	       csr_read(CSR_PMPADDR0), csr_read(CSR_PMPADDR1), csr_read(CSR_PMPADDR2),
	       csr_read(CSR_PMPADDR3));
}
