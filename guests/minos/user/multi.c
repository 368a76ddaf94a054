/* multi.c: workloads with several processes: creation, switching, preemption. */
#include "user.h"

enum { CHILDREN = 100, CHURNERS = 3 };

static u64 partner;

/* One child after the other; each returns its result as its exit status. */
u64 process_run(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < CHILDREN; i++)
		sum = mix(sum, wait(spawn(PROGRAM_WORKER, ROLE_SQUARE, i)));
	return sum;
}

u64 process_check(void)
{
	u64 sum = 0, square = 0;

	for (u64 i = 0; i < CHILDREN; i++) {
		sum = mix(sum, square);
		square += 2 * i + 1; /* squares are sums of odd numbers */
	}
	return sum;
}

void switch_prepare(void)
{
	partner = spawn(PROGRAM_WORKER, ROLE_PARTNER, 0);
}

/* Init and its partner yield to each other: two context switches a round. */
u64 switch_run(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < YIELDS; i++) {
		yield();
		sum = mix(sum, i);
	}
	return mix(sum, wait(partner));
}

u64 switch_check(void)
{
	u64 own = 0, partners = 0;

	for (u64 i = 0; i < YIELDS; i++) {
		own = mix(own, i);
		partners = mix(partners, ~i);
	}
	return mix(own, partners);
}

/* Three at once that never give the processor away: only the timer interleaves them. */
u64 preempt_run(void)
{
	u64 pids[CHURNERS], sum = 0;

	for (u64 i = 0; i < CHURNERS; i++)
		pids[i] = spawn(PROGRAM_WORKER, ROLE_CHURN, i);
	for (u64 i = 0; i < CHURNERS; i++)
		sum = mix(sum, wait(pids[i]));
	return sum;
}

/* What CHURN_STEPS steps do to x.  The step composed with itself is a step of
 * the same form, x -> a x + c; so square and multiply. */
static u64 jump(u64 x, u64 steps)
{
	u64 a = CHURN_A, c = CHURN_C;

	for (; steps > 0; steps /= 2) {
		if (steps % 2 == 1)
			x = a * x + c;
		c = a * c + c;
		a = a * a;
	}
	return x;
}

u64 preempt_check(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < CHURNERS; i++)
		sum = mix(sum, jump(i, CHURN_STEPS));
	return sum;
}
