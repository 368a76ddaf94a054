/* kernel.h: all that the parts of minos know of each other.
 *
 * One rule keeps the kernel small: it runs with interrupts off, on one stack,
 * and never blocks.  A trap from a process enters it, and it leaves by resuming
 * a process, the same or another; what a process waits for is in its record. */
#pragma once
#include "../lib/fdt.h"
#include "abi.h"
#include <csr.h>

/* x0 needs no slot in a saved frame, so its slot holds the pc. */
enum { REG_PC = 0, REG_SP = 2, REG_A0 = 10, REG_A1 = 11, REG_A2 = 12, REG_A7 = 17, REGS = 32 };

enum { MAX_PROCESSES = 16, MAX_REGIONS = 6, MAX_RESULTS = 16 };

enum process_state { FREE, READY, RUNNING, SLEEPING, READING, WAITING, ZOMBIE };

/* A part of the address space that the process may use.  Its pages come into
 * being when they are touched. */
struct region {
	u64 start, end;
	u64 rights; /* PTE_R, PTE_W, PTE_X */
};

struct process {
	u64 frame[REGS]; /* first: trap_entry saves the registers here */
	enum process_state state;
	u64 pid, parent;
	u64 asid; /* slot number + 1: 0 is for the kernel before the first process */
	u64 *root;
	const char *name;
	struct region regions[MAX_REGIONS];
	struct region *heap;
	u64 recover;	 /* see SYS_RECOVER */
	u64 wake;	 /* time at which a sleeper goes on */
	u64 waiting_for; /* pid of the child */
	u64 status;	 /* of a zombie */
	u64 preemptions;
};

/* entry.S */
void trap_entry(void);
void resume(u64 *frame) __attribute__((noreturn));

/* console.c: the UART and the finisher */
void console_init(void);
void console_put(const char *text, u64 size);
int console_get(void); /* -1: nothing has been typed */
void console_interrupt(void);
void print(const char *format, ...) __attribute__((format(printf, 1, 2)));
void power_off(u32 code) __attribute__((noreturn));
void panic(const char *function, const char *why) __attribute__((noreturn));
void panic_trap(const char *function, const char *why, u64 cause, u64 pc, u64 value)
	__attribute__((noreturn));

/* memory.c: physical pages */
void memory_init(struct range ram, struct range reserved);
void *page_alloc(void); /* zeroed; NULL if there is none */
void page_free(void *page);

/* paging.c: page tables */
void paging_init(u64 ram_end);
u64 *paging_new(void);
void paging_free(u64 *root);
u64 *paging_entry(u64 *root, u64 va); /* of the last level; NULL: out of memory */
u64 paging_leaf(const void *page, u64 rights);
void paging_activate(const u64 *root, u64 asid);

/* process.c: the life of a process */
struct process *process_spawn(u64 program, u64 argument, u64 parent);
void process_exit(struct process *p, u64 status);
void process_wait(struct process *p, u64 pid);
bool process_any(enum process_state state);
void process_wake(enum process_state state);
void process_wake_sleepers(u64 now);
u64 process_next_wake(void); /* ~0: nobody sleeps */
struct process *process_next_ready(const struct process *after);

/* space.c: what a process may touch */
bool space_touch(struct process *p, u64 va, u64 access);
void *space_pointer(struct process *p, u64 va, u64 access);
u64 space_grow(struct process *p, u64 bytes);
bool space_protect(struct process *p, u64 va, u64 pages, bool writable);
const char *space_load(struct process *p, const void *image, u64 size);

/* schedule.c: who runs, and until when */
void schedule_init(u64 timebase);
struct process *schedule(struct process *last);
bool schedule_timer(void); /* true: the time slice is over */
void schedule_sleep(struct process *p, u64 microseconds);

/* syscall.c */
void system_call(struct process *p);
