/* hal.h: what a placement must provide to the VMM core, and all that it may do.
 *
 * A HAL holds no decoding, no virtual state and no policy: it runs registers,
 * writes the shadow entries it is told to, and reaches real devices.
 */
#pragma once
#include "vm.h"

/* Zeroed, 16-byte aligned memory that lives as long as the VM; NULL if none.
 * The only call made before a struct vm exists: placement is vm_config's. */
void *hal_alloc(void *placement, u64 size);

/* Load v->x and v->pc, run them in real U-mode under shadow root `root` (0 to
 * HAL_ROOTS-1) until anything traps; store the registers back and fill v->exit.
 * A host interrupt also returns (v->exit.cause has its top bit set) and may
 * come late: the HAL is free to run other vCPUs or processes first.  Console
 * input that arrives must sooner or later make it return so.  Adds the guest's
 * own retired instructions and modelled cycles to v->instret and v->cycle (zero
 * exactly when the guest retired none). No LR/SC reservation outlives a call. */
void hal_run(struct vcpu *v, int root);

/* Map one 4 KiB page of guest RAM at gva in a shadow root, in place of what was
 * there; the next hal_run must see it.  perm is a set of PTE_R, PTE_W, PTE_X;
 * the entry is always V, U, A and D.  gpa is in RAM, gva and gpa are multiples
 * of 4 KiB, gva is a canonical Sv39 address.  False: no room for another table
 * in this root; the core then drops the whole root and tries once more. */
bool hal_map(struct vm *vm, int root, u64 gva, u64 gpa, u64 perm);

/* Drop every shadow entry of [gva, gva + size) in a root, and the real TLB's;
 * size 0 drops the whole root.  The core uses size 0 and 4096. */
void hal_unmap(struct vm *vm, int root, u64 gva, u64 size);

/* The VMM's own pointer to guest RAM, or NULL unless all of
 * [gpa, gpa + size) is RAM of this VM. */
void *hal_ram(struct vm *vm, u64 gpa, u64 size);

/* Is console input waiting? */
bool hal_irq_poll(struct vm *vm);

/* The real machine's time in ticks of the timebase. */
u64 hal_time(struct vm *vm);

/* Make hal_run and hal_wait return no later than this real time
 * (~0: no deadline, as at the start).  Stays in force until the next call; a deadline that has
 * passed makes them return at once. */
void hal_arm(struct vm *vm, u64 deadline);

/* Give the processor away until the armed deadline or console input.
 * May return early. */
void hal_wait(struct vm *vm);

/* The VM's console channel: put a byte; get one, or -1. */
void hal_console_put(struct vm *vm, u8 byte);
int hal_console_get(struct vm *vm);

/* A line of the VMM itself, for the first layer's console (no newline). */
void hal_log(struct vm *vm, const char *line);
