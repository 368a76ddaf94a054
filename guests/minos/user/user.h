/* user.h: what a program can call: system calls, output, a checksum step. */
#pragma once
#include "../abi.h"
#include <types.h>

/* What the worker does, in the high half of its argument; the low half is a number. */
enum { ROLE_SQUARE, ROLE_PARTNER, ROLE_CHURN, ROLE_TRESPASS, ROLE_SHIFT = 32 };

enum { YIELDS = 500, CHURN_STEPS = 500000 };

/* A step of the generator x -> A x + C modulo 2^64, which ROLE_CHURN iterates. */
#define CHURN_A 6364136223846793005UL
#define CHURN_C 1442695040888963407UL

struct answer {
	u64 a0, a1;
};

static inline struct answer system_call(u64 number, u64 a, u64 b, u64 c)
{
	register u64 a0 __asm__("a0") = a;
	register u64 a1 __asm__("a1") = b;
	register u64 a2 __asm__("a2") = c;
	register u64 a7 __asm__("a7") = number;

	__asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a7) : "memory");
	return (struct answer){a0, a1};
}

static inline u64 getpid(void)
{
	return system_call(SYS_GETPID, 0, 0, 0).a0;
}

static inline void yield(void)
{
	system_call(SYS_YIELD, 0, 0, 0);
}

static inline u64 spawn(u64 program, u64 role, u64 number)
{
	return system_call(SYS_SPAWN, program, role << ROLE_SHIFT | number, 0).a0;
}

/* The exit status of a child. */
static inline u64 wait(u64 pid)
{
	struct answer answer = system_call(SYS_WAIT, pid, 0, 0);

	return answer.a0 == pid ? answer.a1 : SYS_ERROR;
}

static inline u64 *grow(u64 bytes)
{
	return (u64 *)system_call(SYS_GROW, bytes, 0, 0).a0;
}

static inline u64 protect(const void *address, u64 pages, bool writable)
{
	return system_call(SYS_PROTECT, (u64)address, pages, writable).a0;
}

/* Take one more value into a checksum; the order matters. */
static inline u64 mix(u64 sum, u64 value)
{
	sum ^= value;
	sum *= 0x9e3779b97f4a7c15UL;
	return sum ^ sum >> 29;
}

bool try_store(u64 *address, u64 value); /* start.S */
void try_store_failed(void);

/* A workload of the driver.  prepare may be NULL; check finds, by other means
 * and outside the measured part, what run has to return. */
struct workload {
	const char *name;
	void (*prepare)(void);
	u64 (*run)(void);
	u64 (*check)(void);
};

/* Each checks itself with these. */
u64 compute_run(void);
u64 compute_check(void);
u64 syscall_run(void);
u64 syscall_check(void);
u64 demand_run(void);
u64 demand_check(void);
u64 pagetable_run(void);
u64 pagetable_check(void);
u64 process_run(void);
u64 process_check(void);
void switch_prepare(void);
u64 switch_run(void);
u64 switch_check(void);
u64 console_run(void);
u64 console_check(void);
u64 idle_run(void);
u64 idle_check(void);
u64 preempt_run(void);
u64 preempt_check(void);
