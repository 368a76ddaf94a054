/* uno.h: all that the parts of uno know of each other.
 *
 * uno is an operating system as small ones on controllers are: one program, in
 * M-mode, without paging, whose parts are coroutines that give up the processor
 * only when they choose to. */
#pragma once
#include <csr.h>

/* What a call must leave unchanged; entry.S knows the layout. */
struct context {
	u64 ra, sp, s[12];
};

/* A coroutine: runs when somebody wants its next value, until it emits one. */
struct coroutine {
	struct context context;
	struct coroutine *caller; /* who wants the value */
	void (*body)(struct coroutine *self);
	struct coroutine *source; /* arguments for the body */
	u64 number;
	u64 value; /* the last one emitted */
};

/* entry.S */
void context_switch(struct context *from, const struct context *to);

/* coroutine.c */
void coroutine_reset(void);
struct coroutine *coroutine_new(void (*body)(struct coroutine *), struct coroutine *source,
				u64 number);
u64 coroutine_next(struct coroutine *c);
void coroutine_emit(struct coroutine *self, u64 value);

/* machine.c: console, finisher, timer, software interrupt, traps */
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void power_off(u32 code) __attribute__((noreturn));
void timer_wait(u64 ticks);
void software_interrupt(void);
u64 trapped_call(u64 value);
bool trapped_illegal(void);

/* Take one more value into a checksum; the order matters. */
static inline u64 mix(u64 sum, u64 value)
{
	sum ^= value;
	sum *= 0x9e3779b97f4a7c15UL;
	return sum ^ sum >> 29;
}

/* The workloads (work.c): each result, and what it has to be. */
u64 coroutines_run(void);
u64 coroutines_check(void);
u64 compute_run(void);
u64 compute_check(void);
u64 atomics_run(void);
u64 atomics_check(void);
u64 csrs_run(void);
u64 csrs_check(void);
u64 traps_run(void);
u64 traps_check(void);
u64 software_run(void);
u64 software_check(void);
u64 timer_run(void);
u64 timer_check(void);
