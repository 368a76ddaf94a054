/* main.c: litmus: does this placement behave as the bare machine does?
 *
 * Thousands of small random cases (privileged instructions, paging, fences,
 * protection, interrupts).  What each did is folded into one number; the numbers
 * must be the same bare, under the hypervisor and hosted, and so must the guest's
 * own count of instructions.  Nothing here says what is right: the bare machine
 * does.  With "verbose" as the boot arguments every case is printed.
 */
#include "../lib/fdt.h"
#include "../lib/format.h"
#include "../lib/string.h"
#include "litmus.h"

enum { FINISHER_PASS = 0x5555, MAX_CASES = 16384, LINE = 400, FDT_LIMIT = 1 << 20,
       CLINT_MTIMECMP = 0x4000 };

struct state {
	u64 random, hash;
	u32 recorded;
	bool verbose;
};

u64 results[MAX_CASES] __attribute__((section(".bss.result")));
static struct state state;

/* xorshift: the same numbers everywhere. */
u64 random(void)
{
	state.random ^= state.random << 13;
	state.random ^= state.random >> 7;
	state.random ^= state.random << 17;
	return state.random;
}

u64 choose(u64 count)
{
	return (random() >> 11) % count;
}

static void print(const char *text)
{
	for (; *text; text++)
		*(volatile u8 *)BOARD_UART0 = *text;
}

static void print_case(const u64 *values, u32 count)
{
	char line[LINE];
	int length = snprintf(line, sizeof line, "%u:", state.recorded);

	for (u32 i = 0; i < count; i++)
		length += snprintf(line + length, sizeof line - length, " %lx", values[i]);
	print(line);
	print("\n");
}

/* One case's outcome. */
void record(const u64 *values, u32 count)
{
	u64 hash = 0xcbf29ce484222325;

	for (u32 i = 0; i < count; i++)
		hash = (hash ^ values[i]) * 0x100000001b3 ^ hash >> 29;
	if (state.verbose)
		print_case(values, count);
	if (state.recorded < MAX_CASES)
		results[state.recorded++] = hash;
	state.hash = (state.hash ^ hash) * 0x100000001b3;
}

/* S and U may reach everything. */
void protection_open(void)
{
	csr_write(CSR_PMPCFG0, 0);
	csr_write(CSR_PMPADDR0, ~0ul >> 10);
	csr_write(CSR_PMPCFG0, PMP_NAPOT | PMP_R | PMP_W | PMP_X);
	sfence_all();
}

struct group {
	const char *name;
	void (*test)(u64 n);
	u32 cases;
};

static const struct group groups[] = {
	{"instructions", test_instructions, 4000},
	{"paging", test_paging, 2000},
	{"spaces", test_spaces, 4000},
	{"protection", test_protection, 600},
	{"mprv", test_mprv, 600},
	{"interrupts", test_interrupts, 800},
	{"locks", test_locks, 600},
};

static void run(const struct group *g, u64 seed)
{
	char line[LINE];
	u64 retired = csr_read(CSR_MINSTRET);

	state.hash = 0;
	state.random = 0x9e3779b97f4a7c15 * (seed + 1);
	protection_open();
	for (u32 n = 0; n < g->cases; n++)
		g->test(n);
	retired = csr_read(CSR_MINSTRET) - retired;
	snprintf(line, sizeof line, "%-12s %5u cases, %8lu instructions  %016lx\n", g->name,
		 g->cases, retired, state.hash);
	print(line);
}

static bool wants_verbose(const void *dtb)
{
	struct fdt fdt;
	const char *arguments;
	u32 size;
	int chosen;

	if (!fdt_open(&fdt, dtb, FDT_LIMIT))
		return false;
	chosen = fdt_find(&fdt, "/chosen");
	arguments = chosen == FDT_NONE ? NULL : fdt_property(&fdt, chosen, "bootargs", &size);
	return arguments && size == sizeof "verbose" && memcmp(arguments, "verbose", size) == 0;
}

void litmus_main(const void *dtb)
{
	state.verbose = wants_verbose(dtb);
	*(volatile u64 *)(BOARD_CLINT + CLINT_MTIMECMP) = ~0ul;
	csr_write(CSR_STIMECMP, ~0ul);
	for (u64 i = 0; i < sizeof groups / sizeof groups[0]; i++)
		run(&groups[i], i);
	print("litmus: done\n");
	*(volatile u32 *)BOARD_FINISHER = FINISHER_PASS;
}
