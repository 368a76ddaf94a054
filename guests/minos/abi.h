/* abi.h: what the kernel and its programs agree on.
 *
 * A system call is `ecall` with the number in a7 and arguments in a0..a2; the
 * result comes back in a0, and for SYS_WAIT the child's status in a1. */
#pragma once

enum {
	SYS_EXIT,	/* (status): does not return */
	SYS_WRITE,	/* (buffer, size) -> bytes written */
	SYS_READ,	/* (buffer, size) -> bytes read; waits for at least one */
	SYS_YIELD,	/* () -> 0, after the others had their turn */
	SYS_GETPID,	/* () -> pid */
	SYS_SPAWN,	/* (program, argument) -> pid of the child */
	SYS_WAIT,	/* (pid) -> pid, status of that child */
	SYS_SLEEP,	/* (microseconds) -> 0 */
	SYS_GROW,	/* (bytes) -> start of the new part of the heap, zero-filled on demand */
	SYS_PROTECT,	/* (address, pages, writable) -> 0 */
	SYS_RECOVER,	/* (address) -> 0; where to go on after a forbidden access, 0: be killed */
	SYS_PREEMPTED,	/* () -> how often the timer gave the processor to another process */
	SYS_RESULT,	/* (index, value) -> 0; leave a result for the observer of the machine */
	SYS_COUNT,
};

enum { PROGRAM_INIT, PROGRAM_WORKER, PROGRAM_COUNT };

#define SYS_ERROR (~0UL)	/* result of a system call that was refused */
#define STATUS_KILLED (~0UL)	/* exit status of a process that the kernel killed */

#define PAGE_SIZE 4096UL

/* Where things are in a process.  All of it lies in one gigabyte, which is one
 * entry of the root page table; the kernel's entries are in every root. */
#define USER_BASE 0x40000000UL
#define USER_HEAP 0x50000000UL
#define USER_HEAP_END 0x60000000UL
#define USER_STACK_TOP 0x80000000UL
#define USER_STACK_SIZE (16 * PAGE_SIZE)
