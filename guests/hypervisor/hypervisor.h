/* hypervisor.h: what the files of the type-1 hypervisor share, listed by file. */
#pragma once
#include "../include/csr.h"
#include "../vmm/hal.h"
#include "../lib/fdt.h"
#include <board.h>

enum {
	MAX_VMS = BOARD_MAX_VMS,
	PAGE_SIZE = 4096,
	ROOT_TABLES = 16, /* page tables that one shadow root may use */
	STACK_SIZE = 16384,
	CODE_DIED = 3,    /* exit code of a VM that died, and of a fault of our own */
	CODE_INPUT = 2,   /* ... of a guest that cannot be loaded */
};

/* The registers that a C function must preserve, each in the slot of its number. */
struct context {
	u64 x[28];
};
enum { CONTEXT_RA = 1, CONTEXT_SP = 2 };

/* One page-table tree and the pages it has taken from its share. */
struct tables {
	u64 *page;             /* [ROOT_TABLES][512]; the first is the root */
	u32 used;
	u16 top[ROOT_TABLES];  /* root slots in use: what a drop has to clear */
	u32 tops;
};

enum thread_state { THREAD_UNUSED, THREAD_RUNNABLE, THREAD_WAITING, THREAD_ENDED };

/* A VM as the device tree describes it, and the thread of its vCPU. */
struct machine_vm {
	u32 id;
	struct range ram, module, dtb; /* reg, module, dtb of /chosen/vm@I */
	u64 uart;                      /* its console channel ... */
	u32 uart_irq;
	bool input;                    /* ... has input waiting */
	struct tables tables[HAL_ROOTS];
	struct context context;
	enum thread_state state;
	u64 deadline; /* real time, from hal_arm */
	u32 code;     /* exit code, once ended */
};

struct hypervisor {
	struct machine_vm vm[MAX_VMS];
	u32 count;
	struct machine_vm *current;
	struct context boot; /* hypervisor_main, until the scheduler takes over */
	u64 slice_end;
	u64 programmed; /* value of the real stimecmp */
};
extern struct hypervisor hv;

/* trap.S */
struct guest_counts {
	u64 cycle_before, instret_before, cycle_after, instret_after;
};
void guest_enter(struct vcpu *v, struct guest_counts *counts);
void trap_entry(void);
void thread_switch(struct context *from, const struct context *to);

/* config.c: fills hv.vm from the device tree; NULL or what is wrong */
const char *config_read(const struct fdt *fdt);

/* memory.c */
const char *memory_init(const struct fdt *fdt);
void *memory_alloc(u64 size, u64 align);

/* tables.c */
bool tables_init(void);
bool tables_map(struct machine_vm *m, int root, u64 gva, u64 hpa, u64 perm);
void tables_unmap(struct machine_vm *m, int root, u64 gva, u64 size);
u64 tables_satp(const struct machine_vm *m, int root);
void tables_confine(const struct machine_vm *m);

/* sched.c */
void sched_start(void (*thread)(void));
void sched_wait(struct machine_vm *m);
void sched_end(struct machine_vm *m);
void sched_interrupt(void);
void sched_program_timer(void);
u64 machine_time(void);

/* console.c */
void console_init(void);
void console_interrupt(void);
void console_put(u64 uart, u8 byte);
int console_get(struct machine_vm *m);
void message(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* main.c */
void finish(u32 code) __attribute__((noreturn));
