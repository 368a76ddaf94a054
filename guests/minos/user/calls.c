/* calls.c: workloads of system calls: the shortest one, console output, sleep. */
#include "../../lib/format.h"
#include "user.h"

enum { CALLS = 2000, LINES = 100, LINE_SIZE = 64, SLEEPS = 100, MICROSECONDS = 1000 };

u64 syscall_run(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < CALLS; i++)
		sum += getpid() * i;
	return sum;
}

u64 syscall_check(void)
{
	return 1UL * CALLS * (CALLS - 1) / 2; /* init's pid is 1 */
}

static u64 make_line(char *line, u64 i)
{
	return (u64)snprintf(line, LINE_SIZE, "line %3lu of %d: %8lu %08lx\n", i + 1, LINES, i * i * i,
			     i * 0x1020304);
}

static u64 sum_text(u64 sum, const char *text, u64 size)
{
	for (u64 i = 0; i < size; i++)
		sum = mix(sum, (u8)text[i]);
	return sum;
}

u64 console_run(void)
{
	char line[LINE_SIZE];
	u64 sum = 0;

	for (u64 i = 0; i < LINES; i++) {
		u64 written = system_call(SYS_WRITE, (u64)line, make_line(line, i), 0).a0;

		sum = mix(sum_text(sum, line, written), written);
	}
	return sum;
}

u64 console_check(void)
{
	char line[LINE_SIZE];
	u64 sum = 0;

	for (u64 i = 0; i < LINES; i++) {
		u64 size = make_line(line, i);

		sum = mix(sum_text(sum, line, size), size);
	}
	return sum;
}

/* Nobody else is there: while init sleeps, the kernel waits for an interrupt. */
u64 idle_run(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < SLEEPS; i++)
		sum = mix(sum, system_call(SYS_SLEEP, MICROSECONDS, 0, 0).a0 + i);
	return sum;
}

u64 idle_check(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < SLEEPS; i++)
		sum = mix(sum, i);
	return sum;
}
