/* proc.h: a process, as the kernel knows it. */
#pragma once
#include "kernel.h"

enum proc_state { UNUSED, RUNNABLE, RUNNING, SLEEPING, ZOMBIE };

struct context { /* switch.S relies on the order */
	u64 ra, sp, s[12];
};

struct open_file {
	bool used;
	struct file file;
	u64 offset;
};

struct proc {
	enum proc_state state;
	u64 pid; /* never used twice */
	char name[MAX_NAME];
	struct proc *parent;
	u64 exit_code;
	bool killed;

	pagetable root;
	u64 asid;
	u64 memory_start; /* the heap is [memory_start, memory_end) */
	u64 memory_end;
	struct open_file open[MAX_OPEN];
	struct vm *vm; /* of a VMM process */

	struct trapframe *frame; /* at the top of the kernel stack */
	struct context context;
	const void *event; /* what a SLEEPING process waits for */
	u64 deadline;      /* and until when */
};

extern struct proc procs[MAX_PROCS];

s64 proc_spawn(struct proc *parent, const char *path, char *const argv[], int argc);
_Noreturn void proc_exit(struct proc *p, u64 code);
s64 proc_wait(struct proc *p, u64 code_address);
s64 proc_kill(u64 pid);
s64 proc_grow(struct proc *p, u64 bytes);
void switch_context(struct context *from, struct context *to);
