/* init.c: the first process: it runs the workloads, one after the other.
 *
 * Each is bracketed by marks for the observer outside, and prints one line.  Only
 * init prints, and never a time, so the console is the same wherever minos runs. */
#include "../../lib/format.h"
#include "user.h"
#include <mark.h>

/* The order is the manifest's: a workload's index is the number in its marks. */
static const struct workload workloads[] = {
	{"compute", NULL, compute_run, compute_check},
	{"syscall", NULL, syscall_run, syscall_check},
	{"demand", NULL, demand_run, demand_check},
	{"pagetable", NULL, pagetable_run, pagetable_check},
	{"process", NULL, process_run, process_check},
	{"switch", switch_prepare, switch_run, switch_check},
	{"console", NULL, console_run, console_check},
	{"idle", NULL, idle_run, idle_check},
	{"preempt", NULL, preempt_run, preempt_check},
};
enum { WORKLOADS = sizeof(workloads) / sizeof(workloads[0]) };

static void print(const char *format, ...) __attribute__((format(printf, 1, 2)));

static void print(const char *format, ...)
{
	char line[128];
	va_list arguments;
	int length;

	va_start(arguments, format);
	length = vsnprintf(line, sizeof(line), format, arguments);
	va_end(arguments);
	system_call(SYS_WRITE, (u64)line, (u64)length, 0);
}

static bool run_workload(u64 number)
{
	const struct workload *w = &workloads[number];
	u64 sum, expected;

	if (w->prepare != NULL)
		w->prepare();
	MARK(MARK_BEGIN, number);
	sum = w->run();
	MARK(MARK_END, number);
	expected = w->check();
	system_call(SYS_RESULT, number, sum, 0);
	if (sum == expected)
		print("%-9s %016lx\n", w->name, sum);
	else
		print("%-9s %016lx is wrong, expected %016lx\n", w->name, sum, expected);
	return sum == expected;
}

/* The kernel must not let a process read what is the kernel's. */
static bool trespasser_is_killed(void)
{
	return wait(spawn(PROGRAM_WORKER, ROLE_TRESPASS, 0)) == STATUS_KILLED;
}

/* The result, 0 or 1, is what the machine reports to whoever started it. */
u64 main(void)
{
	bool confined;
	u64 passed = 0;

	for (u64 i = 0; i < WORKLOADS; i++)
		passed += run_workload(i);
	confined = trespasser_is_killed();
	if (!confined)
		print("minos: a process that read the kernel was not killed\n");
	if (passed == WORKLOADS)
		print("minos: all %lu workloads passed\n", passed);
	else
		print("minos: %lu of %d workloads failed\n", WORKLOADS - passed, WORKLOADS);
	return confined && passed == WORKLOADS ? 0 : 1;
}
