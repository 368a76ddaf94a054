/* hal.h: what a placement must provide to the VMM core, and all that it may do.
 *
 * A HAL holds no decoding, no virtual state and no policy: it runs registers,
 * writes the shadow entries it is told to, and reaches real devices.
 */
#pragma once
#include "vm.h"

/* Shadow roots are small numbers, each with a hardware ASID of its own. */
enum { HAL_ROOTS = 8 };

/* Load v->x and v->pc, run them in real U-mode under shadow root `root` until
 * anything traps; store the registers back and fill v->exit.  A host interrupt
 * also returns (v->exit.cause has its top bit set) and may come late: the HAL
 * is free to run other vCPUs or processes first.  Adds the guest's own retired
 * instructions and modelled cycles to v->instret and v->cycle. */
void hal_run(struct vcpu *v, int root);

/* Map one 4 KiB page of guest RAM at gva in a shadow root.  perm is a set of
 * PTE_R, PTE_W, PTE_X; the entry is always V, U, A and D.  gpa is in RAM. */
void hal_map(struct vm *vm, int root, u64 gva, u64 gpa, u64 perm);

/* Drop every shadow entry of [gva, gva + size) in a root, and the real TLB's;
 * size 0 drops the whole root. */
void hal_unmap(struct vm *vm, int root, u64 gva, u64 size);

/* The VMM's own pointer to guest RAM, or NULL unless all of it is RAM. */
void *hal_ram(struct vm *vm, u64 gpa, u64 size);

/* Zeroed, 16-byte aligned memory that lives as long as the VM; NULL if none. */
void *hal_alloc(struct vm *vm, u64 size);

/* Is console input waiting? */
bool hal_irq_poll(struct vm *vm);

/* The real machine's time in ticks of the timebase. */
u64 hal_time(struct vm *vm);

/* Make hal_run and hal_wait return no later than this real time
 * (~0: no deadline). */
void hal_arm(struct vm *vm, u64 deadline);

/* Give the processor away until the armed deadline or console input. */
void hal_wait(struct vm *vm);

/* The VM's console channel: put a byte; get one, or -1. */
void hal_console_put(struct vm *vm, u8 byte);
int hal_console_get(struct vm *vm);

/* A line of the VMM itself, for the first layer's console (no newline). */
void hal_log(struct vm *vm, const char *line);
