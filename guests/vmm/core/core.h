/* core.h: what the files of the VMM core share, listed by file. */
#pragma once
#include "../hal.h"
#include "../../include/mark.h"
#include "../../lib/format.h"
#include "../../lib/string.h"
#include <board.h>

enum access { ACCESS_LOAD, ACCESS_STORE, ACCESS_FETCH };

enum { PAGE_SHIFT = 12, PAGE_SIZE = 1 << PAGE_SHIFT };

#define NO_FAULT (~0ul)  /* instead of an exception code: all is well */
#define NEVER (~0ul)     /* a deadline that never comes */

static inline u64 field(u64 value, u32 low, u32 width)
{
	return value >> low & ((1ul << width) - 1);
}

static inline s64 sign_extend(u64 value, u32 bits)
{
	return (s64)(value << (64 - bits)) >> (64 - bits);
}

/* The observer learns why the guest was left as soon as the core knows. */
static inline void exit_mark(const struct vcpu *v, u64 reason)
{
	MARK(MARK_EXIT, (u64)v->vm->id << 16 | v->id << 8 | reason);
}

/* run.c */
void vm_end(struct vm *vm, u64 kind, u64 code);
void vm_die(struct vcpu *v, enum vm_fault_reason reason, u64 insn, const char *what);

/* decode.c */
struct memory_access {
	u64 gva;
	u64 value; /* to store, or loaded */
	u8 width;  /* bytes */
	u8 rd;     /* destination of a load */
	u8 length; /* of the instruction, bytes */
	bool store, sign_extended, atomic;
};
bool insn_fetch(struct vcpu *v, u32 *insn);
bool insn_decode_access(const struct vcpu *v, u32 insn, struct memory_access *a);

/* emulate.c */
void emulate_exit(struct vcpu *v);
void emulate_illegal(struct vcpu *v, u32 insn);
void retire(struct vcpu *v, u32 length);

/* csr_insn.c */
void emulate_csr(struct vcpu *v, u32 insn);

/* csr.c */
bool vcsr_permitted(const struct vcpu *v, u32 number, bool write);
bool vcsr_read(struct vcpu *v, u32 number, u64 *value);
bool vcsr_write(struct vcpu *v, u32 number, u64 value);
u64 vcsr_software(struct vcpu *v, u32 number, u64 value);

/* trap.c */
void trap_deliver(struct vcpu *v, u64 cause, u64 tval);

/* xret.c */
void trap_mret(struct vcpu *v);
void trap_sret(struct vcpu *v);

/* interrupt.c */
u64 vm_time(struct vm *vm);
u64 interrupt_pending(const struct vcpu *v);
void interrupt_inject(struct vcpu *v);
void interrupt_host(struct vcpu *v);
void interrupt_wait(struct vcpu *v);
void timer_update(struct vcpu *v);

/* pmp.c */
bool pmp_allows(const struct vcpu *v, u64 mode, u64 gpa, u64 size, u64 perm);
bool pmp_page(const struct vcpu *v, u64 mode, u64 gpa, u64 *perm);
void pmp_configure(struct vcpu *v, u64 value);
void pmp_set_address(struct vcpu *v, u32 i, u64 value);

/* walk.c */
struct translation {
	u64 gpa;
	u64 perm; /* PTE_R, PTE_W, PTE_X that this kind of access may be given */
	u8 level;
	u64 pte, touched, pte_gpa; /* the leaf, and with A and D as they will be */
};
bool translating(const struct vcpu *v, u64 mode);
u64 walk(struct vcpu *v, u64 mode, u64 gva, enum access access, struct translation *t);
u64 walk_commit(struct vcpu *v, enum access access, const struct translation *t);
u64 pmp_bit(enum access access);
u64 page_fault_cause(enum access access);
u64 access_fault_cause(enum access access);

/* shadow.c */
enum root_kind {
	ROOT_FREE,
	ROOT_M,      /* virtual M: no translation, of the PMP locked entries only */
	ROOT_M_MPRV, /* ... when only fetches are made with M's rights: execute-only */
	ROOT_BARE,   /* virtual S or U with satp off */
	ROOT_U,
	ROOT_U_MXR,
	ROOT_S,
	ROOT_S_SUM,
	ROOT_S_MXR,
	ROOT_S_SUM_MXR,
};
int shadow_select(struct vcpu *v);
bool shadow_fill(struct vcpu *v, u64 gva, const struct translation *t);
bool shadow_find(const struct vcpu *v, u64 gva, u64 *gpa);
void shadow_fence(struct vm *vm, const u64 *gva, const u64 *asid);
void shadow_drop_protected(struct vm *vm, bool m_too);

/* fault.c */
void fault_exit(struct vcpu *v);
void fault_reflect(struct vcpu *v, u64 cause, u64 gva);
void access_finish(struct vcpu *v, const struct memory_access *a);
u64 device_access(struct vcpu *v, u64 mode, const struct translation *t,
		  struct memory_access *a);

/* mprv.c */
bool mprv_active(const struct vcpu *v);
void mprv_exit(struct vcpu *v, enum access access);

/* mmio.c, clint.c, plic.c: false means that the bus answers with an access fault */
struct bus_access {
	u64 offset;
	u64 value;
	u8 width;
	bool store;
};
bool mmio_access(struct vcpu *v, u64 gpa, struct memory_access *a);
bool clint_access(struct vm *vm, struct bus_access *b);
bool plic_access(struct vm *vm, struct bus_access *b);
void plic_set_level(struct vm *vm, u32 source, bool level);
bool plic_output(const struct plic *p, u32 context);
bool plic_could_signal(const struct plic *p, u32 context, u32 source);
