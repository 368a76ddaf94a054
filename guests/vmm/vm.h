/* vm.h: one VM and its vCPU, as every part of the VMM sees them. */
#pragma once
#include <isa.h>
#include <types.h>

/* What made hal_run return, as the real machine told it. */
struct exit {
	u64 cause; /* real scause or mcause, top bit: interrupt */
	u64 tval;
};

struct vcpu {
	u64 x[32]; /* x[0] stays 0: hal_run and the decoder rely on the layout */
	u64 pc;
	struct exit exit;
	struct vm *vm;
	u64 instret; /* the guest's own instructions ... */
	u64 cycle;   /* ... and modelled cycles while it ran */
	u64 mode;    /* virtual privilege: PRIV_U, PRIV_S or PRIV_M */
	/* the core's virtual CSR file and the rest follow in its owner's hands */
};

struct vm_config {
	u32 id;
	u64 ram_size;           /* bytes of guest RAM at BOARD_RAM */
	const void *image;      /* the guest's ELF */
	u64 image_size;
	const void *dtb;        /* copied to the top of guest RAM */
	u64 dtb_size;
	void *placement;        /* the HAL's own record of this VM (vm->placement) */
};

/* Entry points of the core for a placement's main program. */
struct vm *vm_create(void *memory, const struct vm_config *config);
u64 vm_memory_size(void); /* bytes that vm_create needs at `memory` */

/* Run until the VM ends; the result is the payload of MARK_VM_END. */
u64 vm_run(struct vm *vm);

/* Left behind by a VM that died, for the inspector (MARK_VM_FAULT). */
struct vm_fault {
	u64 reason; /* VM_FAULT_... */
	u64 vm, vcpu, mode, pc, insn, cause, tval, gpa;
	char text[96]; /* one line in words */
};
