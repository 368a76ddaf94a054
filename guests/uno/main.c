/* main.c: uno runs its workloads, one after the other, and ends the machine.
 *
 * Each is bracketed by marks for the observer outside and prints one line, which
 * holds a result and never a time. */
#include "uno.h"
#include <mark.h>

/* The order is the manifest's: a workload's index is the number in its marks. */
static const struct workload {
	const char *name;
	u64 (*run)(void);
	u64 (*check)(void); /* the same by other means, outside the marks */
} workloads[] = {
	{"coroutines", coroutines_run, coroutines_check},
	{"compute", compute_run, compute_check},
	{"atomics", atomics_run, atomics_check},
	{"csrs", csrs_run, csrs_check},
	{"traps", traps_run, traps_check},
	{"software", software_run, software_check},
	{"timer", timer_run, timer_check},
};
enum { WORKLOADS = sizeof(workloads) / sizeof(workloads[0]) };

/* For whoever inspects the machine: the same in every placement.  uno.ld brackets it. */
static u64 results[WORKLOADS] __attribute__((section(".bss.result"), used));

static bool run_workload(u32 number)
{
	const struct workload *w = &workloads[number];
	u64 sum, expected;

	MARK(MARK_BEGIN, number);
	sum = w->run();
	MARK(MARK_END, number);
	expected = w->check();
	results[number] = sum;
	if (sum == expected)
		print("%-10s %016lx\n", w->name, sum);
	else
		print("%-10s %016lx is wrong, expected %016lx\n", w->name, sum, expected);
	return sum == expected;
}

void main(void)
{
	u32 passed = 0;

	print("uno: starting\n");
	for (u32 i = 0; i < WORKLOADS; i++)
		passed += run_workload(i);
	if (passed == WORKLOADS)
		print("uno: all %u workloads passed\n", passed);
	else
		print("uno: %u of %d workloads failed\n", WORKLOADS - passed, WORKLOADS);
	power_off(passed == WORKLOADS ? 0 : 1);
}
