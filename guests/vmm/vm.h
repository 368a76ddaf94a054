/* vm.h: one VM and its vCPU, as every part of the VMM sees them.
 *
 * The core keeps everything here and nothing in static variables, so one image
 * of it can serve any number of VMs.  Names: a gva is an address that the guest
 * uses, a gpa one that it believes to be physical.
 */
#pragma once
#include <isa.h>
#include <types.h>
#include "devices/uart.h"

enum {
	HAL_ROOTS = 16,    /* shadow roots a placement offers to each VM */
	PLIC_SOURCES = 64, /* source 0 does not exist */
	PLIC_CONTEXTS = 2, /* M and S of hart 0 */
	SHADOW_SETS = 256, /* per root; four ways each, see shadow.c */
	SHADOW_WAYS = 4,
	SHADOW_SPANS = 8,
};

/* What made hal_run return, as the real machine told it. */
struct exit {
	u64 cause; /* real scause or mcause, top bit: interrupt */
	u64 tval;  /* real stval or mtval */
};

/* The virtual CSRs that are plain storage.  What is computed (mip's device
 * bits, sstatus, time, counters) is computed in csr.c. */
struct csr_file {
	u64 mstatus, medeleg, mideleg, mie, mip; /* mip: only the bits software owns */
	u64 mtvec, mscratch, mepc, mcause, mtval;
	u64 stvec, sscratch, sepc, scause, stval;
	u64 satp, stimecmp, mcounteren, scounteren, menvcfg, senvcfg;
	u64 pmpaddr[PMP_ENTRIES];
	u8 pmpcfg[PMP_ENTRIES];
	u64 cycle_offset, instret_offset; /* mcycle = vcpu.cycle + cycle_offset */
};

/* Detects a guest that traps for ever without retiring an instruction. */
struct progress {
	u64 cause, epc, tval, instret;
	u32 repeats;
};

struct vcpu {
	/* The assembly of every HAL relies on these four offsets. */
	u64 x[32];        /* 0: x[0] stays 0 */
	u64 pc;           /* 256 */
	struct exit exit; /* 264: cause, 272: tval */

	struct vm *vm;
	u64 instret; /* the guest's own instructions ... */
	u64 cycle;   /* ... and modelled cycles while it ran */
	u64 mode;    /* virtual privilege: PRIV_U, PRIV_S or PRIV_M */
	u32 id;
	struct csr_file csr;
	bool mtip, stip; /* the timers' outputs at the last look at the clock */
	u64 armed;       /* real deadline given to hal_arm */
	int root;        /* shadow root of the last hal_run */
	struct progress progress;
};
_Static_assert(__builtin_offsetof(struct vcpu, pc) == 256, "HAL assembly");
_Static_assert(__builtin_offsetof(struct vcpu, exit) == 264, "HAL assembly");

struct clint {
	bool msip;
	u64 mtimecmp;
};

struct plic {
	u8 priority[PLIC_SOURCES];
	u64 level, claimed; /* one bit a source */
	u64 enable[PLIC_CONTEXTS];
	u8 threshold[PLIC_CONTEXTS];
};

/* One remembered 4 KiB shadow entry; valid while its generation is the root's. */
struct shadow_entry {
	u32 vpn;  /* bits 38:12 of the gva */
	u32 page; /* (gpa - BOARD_RAM) >> 12 */
	u32 generation;
	u8 perm;  /* PTE_R, PTE_W, PTE_X */
	u8 level; /* of the guest's leaf: 0, or 1 and 2 for superpages */
};

struct shadow_root {
	u64 satp;  /* key: the guest's satp (0 for kinds without translation) ... */
	u8 kind;   /* ... and enum root_kind (core.h) */
	u8 spans;  /* superpages of which parts are shadowed */
	u32 generation;
	u32 filled; /* entries made since the last drop */
	u64 used;   /* when last selected, for replacement */
	u64 span[SHADOW_SPANS]; /* first gva | level */
	u8 victim[SHADOW_SETS];
	struct shadow_entry entry[SHADOW_SETS][SHADOW_WAYS];
};

/* ---- left behind by a VM that died, for the inspector (MARK_VM_FAULT) ---- */
enum vm_fault_reason {
	VM_FAULT_NO_PROGRESS = 1, /* the same trap again and again */
	VM_FAULT_NO_WAKEUP,       /* waits, and nothing could ever wake it */
	VM_FAULT_CANNOT_EMULATE,  /* correct before complete: `insn` is not supported */
	VM_FAULT_FINISHER,        /* a value that the finisher does not know */
};

struct vm_fault {
	u64 reason; /* enum vm_fault_reason */
	u64 vm, vcpu, mode, pc, insn;
	u64 cause, tval; /* as the guest's own trap CSRs would show them */
	u64 satp, gpa;
	char text[96]; /* one line in words, NUL-terminated */
};

struct vm {
	u32 id;
	void *placement; /* the HAL's own record of this VM */
	u64 ram_size;
	u64 time_offset; /* virtual time = hal_time() - time_offset */
	bool ended;
	u64 outcome; /* payload of MARK_VM_END, once ended */
	struct vm_fault fault;
	struct vcpu vcpu;
	struct clint clint;
	struct plic plic;
	struct uart uart;
	u64 root_clock;
	struct shadow_root *root; /* [HAL_ROOTS] */
};

struct vm_config {
	u32 id;
	u64 ram_size;      /* bytes of guest RAM at BOARD_RAM */
	const void *image; /* the guest's ELF */
	u64 image_size;
	const void *dtb;   /* copied to the top of guest RAM */
	u64 dtb_size;
	void *placement;   /* becomes vm->placement */
};

/* ---- the core's entry points for a placement's main program ---- */

/* Build a VM and load its guest; NULL when there is no memory for it or the
 * guest cannot be loaded (*error then says why, in words). */
struct vm *vm_create(const struct vm_config *config, const char **error);

/* Run until the VM ends; the result is the payload of MARK_VM_END. */
u64 vm_run(struct vm *vm);

#define VM_END_DIED(outcome) (((outcome) >> 8 & 0xff) == 1)
#define VM_END_CODE(outcome) ((outcome) & 0xff)
