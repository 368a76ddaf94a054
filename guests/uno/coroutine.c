/* coroutine.c: cooperative multitasking in its smallest form.
 *
 * coroutine_next switches to a coroutine and comes back with its next value;
 * the coroutine, in coroutine_emit, waits there until it is wanted again. */
#include "uno.h"
#include <board.h>

enum { MAX_COROUTINES = 64, STACK_SIZE = 2048 };

static struct coroutine coroutines[MAX_COROUTINES];
static u8 stacks[MAX_COROUTINES][STACK_SIZE] __attribute__((aligned(16)));
static u32 used;

static struct coroutine outside; /* main, which is no coroutine but calls them */
static struct coroutine *current = &outside;

void coroutine_reset(void)
{
	used = 0;
}

/* Every coroutine begins here: the first switch to it "returns" to this function. */
static void begin(void)
{
	current->body(current);
	print("uno: panic: a coroutine has ended, and nobody knows where to go on\n");
	power_off(BOARD_FINISHER_PANIC);
}

/* It does not run before its first value is wanted. */
struct coroutine *coroutine_new(void (*body)(struct coroutine *), struct coroutine *source,
				u64 number)
{
	struct coroutine *c = &coroutines[used];

	if (used == MAX_COROUTINES) {
		print("uno: panic: no coroutine left\n");
		power_off(BOARD_FINISHER_PANIC);
	}
	*c = (struct coroutine){.body = body, .source = source, .number = number};
	c->context.ra = (u64)begin;
	c->context.sp = (u64)stacks[used] + STACK_SIZE;
	used++;
	return c;
}

u64 coroutine_next(struct coroutine *c)
{
	struct coroutine *caller = current;

	c->caller = caller;
	current = c;
	context_switch(&caller->context, &c->context);
	return c->value;
}

void coroutine_emit(struct coroutine *self, u64 value)
{
	self->value = value;
	current = self->caller;
	context_switch(&self->context, &current->context);
}
