/* abi.h: what host programs and the host kernel agree on.
 *
 * A system call is an ecall with its number in a7, arguments in a0-a3 and the
 * result in a0; a result below zero is one of the errors.
 */
#pragma once
#include <types.h>

enum syscall {
	SYS_EXIT = 1,         /* (code)                    never returns */
	SYS_WAIT,             /* (int *code)               -> pid of an ended child */
	SYS_SPAWN,            /* (path, argv)              -> pid */
	SYS_GETPID,           /* ()                        -> pid */
	SYS_YIELD,            /* ()                        */
	SYS_SLEEP,            /* (ticks)                   */
	SYS_KILL,             /* (pid)                     */
	SYS_GROW,             /* (bytes)                   -> old end of memory */
	SYS_OPEN,             /* (path)                    -> fd */
	SYS_CLOSE,            /* (fd)                      */
	SYS_READ,             /* (fd, buffer, size)        -> bytes read, 0 at the end */
	SYS_FILE_SIZE,        /* (fd)                      -> bytes */
	SYS_FILE_NAME,        /* (index, buffer, size)     name of a file of the image */
	SYS_CONSOLE_WRITE,    /* (buffer, size)            -> bytes written */
	SYS_CONSOLE_READ,     /* (buffer, size)            -> bytes read; waits for one */
	SYS_POWEROFF,         /* (code)                    never returns */
	SYS_VM_CREATE,        /* (index, struct vm_info *) */
	SYS_VM_MAP,           /* (root, gva, gpa, perm)    */
	SYS_VM_UNMAP,         /* (root, gva, size)         size 0: the whole root */
	SYS_VCPU_RUN,         /* ()                        run the VM's run page */
	SYS_VCPU_WAIT,        /* (deadline)                until then or console input */
	SYS_VM_CONSOLE_WRITE, /* (byte)                    */
	SYS_VM_CONSOLE_READ,  /* ()                        -> byte, or ERR_EMPTY */
	SYS_COUNT
};

enum error {
	ERR_INVALID = -1,   /* an argument that makes no sense */
	ERR_FAULT = -2,     /* an address that the process may not use */
	ERR_NOT_FOUND = -3, /* no such file, process or VM */
	ERR_BUSY = -4,      /* taken by another process */
	ERR_MEMORY = -5,    /* out of memory, or out of table slots */
	ERR_EMPTY = -6,     /* nothing to read now */
	ERR_KILLED = -7,    /* the process is being killed */
	ERR_FORMAT = -8,    /* a program file that cannot be loaded */
};

enum {
	EXIT_KILLED = 3, /* exit code of a process that did not end by itself */
	MAX_ARGS = 16,
	MAX_NAME = 48,
	VM_ROOTS = 16,/* shadow roots of one VM */
};

/* Shared by a VMM process and the kernel while the VM lives.  The process may
 * write anything anywhere: the kernel trusts none of it, and rewrites its own
 * words at each vcpu_run (with one hart nobody can change them before use). */
struct run_page {
	u64 x[32]; /* guest registers, in and out; x[0] is not used */
	u64 pc;
	u64 root;     /* in: shadow root to run under */
	u64 deadline; /* in: real time at which to come back, ~0 for none */
	u64 cause;    /* out: scause of the trap that ended the run */
	u64 tval;     /* out: stval of that trap */
	u64 instret;  /* out: instructions the guest retired in this run */
	u64 cycle;    /* out: modelled cycles of this run */
	u64 input;    /* out: console input is waiting */
	u64 kernel[4];
};

struct vm_info {
	u64 ram; /* HVA of guest RAM in the process */
	u64 ram_size;
	struct run_page *run;
};
