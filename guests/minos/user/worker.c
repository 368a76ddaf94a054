/* worker.c: what init's children do; the exit status is the result. */
#include "user.h"
#include <board.h>

static u64 partner(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < YIELDS; i++) {
		yield();
		sum = mix(sum, ~i);
	}
	return sum;
}

static u64 steps(u64 x, u64 count)
{
	for (u64 i = 0; i < count; i++) {
		x = CHURN_A * x + CHURN_C;
		__asm__ volatile("" : "+r"(x)); /* do each step */
	}
	return x;
}

/* On a fast machine the work may fit into one time slice: then use up the slice. */
static bool was_preempted(void)
{
	for (u64 patience = 0; patience < 100000; patience++) {
		if (system_call(SYS_PREEMPTED, 0, 0, 0).a0 > 0)
			return true;
		steps(0, CHURN_STEPS / 10);
	}
	return false;
}

/* The result is 0 if the timer never gave the processor to another process. */
static u64 churn(u64 x)
{
	x = steps(x, CHURN_STEPS);
	return was_preempted() ? x : 0;
}

/* The kernel's code is mapped in every address space, but not for programs. */
static u64 trespass(void)
{
	return *(volatile u64 *)BOARD_RAM;
}

u64 main(u64 argument)
{
	u64 number = (u32)argument;

	switch (argument >> ROLE_SHIFT) {
	case ROLE_SQUARE:
		return number * number;
	case ROLE_PARTNER:
		return partner();
	case ROLE_CHURN:
		return churn(number);
	case ROLE_TRESPASS:
		return trespass();
	default:
		return SYS_ERROR;
	}
}
