/* fault.c: page-fault exits: hidden fault, device access, or the guest's own fault.
 *
 * Hidden: the guest's tables allow the access and the shadow did not know yet.
 */
#include "core.h"

static enum access access_of(u64 cause)
{
	if (cause == CAUSE_INSN_PAGE_FAULT)
		return ACCESS_FETCH;
	return cause == CAUSE_STORE_PAGE_FAULT ? ACCESS_STORE : ACCESS_LOAD;
}

u64 pmp_bit(enum access access)
{
	static const u8 bit[] = {PMP_R, PMP_W, PMP_X};
	return bit[access];
}

void fault_reflect(struct vcpu *v, u64 cause, u64 gva)
{
	exit_mark(v, EXIT_GUEST_FAULT);
	trap_deliver(v, cause, gva);
}

static void fill(struct vcpu *v, u64 gva, enum access access, struct translation *t)
{
	u64 pmp, cause = walk_commit(v, access, t);

	if (cause != NO_FAULT) {
		fault_reflect(v, cause, gva);
		return;
	}
	if (!pmp_page(v, v->mode, t->gpa, &pmp)) {
		if (pmp_allows(v, v->mode, t->gpa, 1, pmp_bit(access)))
			vm_die(v, VM_FAULT_CANNOT_EMULATE, 0,
			       "a PMP region ends inside the page it accesses");
		else
			fault_reflect(v, access_fault_cause(access), gva);
		return;
	}
	/* PMP_R, W, X are PTE_R, W, X one bit lower. */
	if (!(pmp & pmp_bit(access))) {
		fault_reflect(v, access_fault_cause(access), gva);
		return;
	}
	t->perm &= pmp << 1;
	if (mprv_active(v))
		t->perm = PTE_X;
	exit_mark(v, EXIT_SHADOW_FILL);
	if (!shadow_fill(v, gva, t))
		vm_die(v, VM_FAULT_CANNOT_EMULATE, 0, "the placement has no room for page tables");
}

/* A load or store has been made for the guest: deliver the value, go on. */
void access_finish(struct vcpu *v, const struct memory_access *a)
{
	if (!a->store && a->rd)
		v->x[a->rd] = a->sign_extended ? (u64)sign_extend(a->value, 8 * a->width) : a->value;
	retire(v, a->length);
}

static bool crosses_page(const struct memory_access *a)
{
	return (a->gva ^ (a->gva + a->width - 1)) >> PAGE_SHIFT;
}

/* A load or store outside RAM.  As on the bare machine, A and D are set only when
 * a device is really asked: not for atomics, misaligned or forbidden accesses. */
u64 device_access(struct vcpu *v, u64 mode, const struct translation *t,
		  struct memory_access *a)
{
	enum access access = a->store ? ACCESS_STORE : ACCESS_LOAD;
	u64 cause;

	if (crosses_page(a) || t->gpa % a->width ||
	    !pmp_allows(v, mode, t->gpa, a->width, pmp_bit(access)))
		return access_fault_cause(access);
	cause = walk_commit(v, access, t);
	if (cause != NO_FAULT)
		return cause;
	return mmio_access(v, t->gpa, a) ? NO_FAULT : access_fault_cause(access);
}

static void device(struct vcpu *v, u64 gva, enum access access, const struct translation *t)
{
	struct memory_access a;
	u64 cause;
	u32 insn;

	if (!insn_fetch(v, &insn)) {
		exit_mark(v, EXIT_OTHER); /* the code is gone: running on faults there */
		return;
	}
	if (!insn_decode_access(v, insn, &a)) {
		vm_die(v, VM_FAULT_CANNOT_EMULATE, insn, "no load or store, yet it touches a device");
		return;
	}
	cause = a.atomic ? access_fault_cause(access) : device_access(v, v->mode, t, &a);
	if (cause == NO_FAULT)
		access_finish(v, &a);
	else
		fault_reflect(v, cause, gva);
}

void fault_exit(struct vcpu *v)
{
	enum access access = access_of(v->exit.cause);
	u64 gva = v->exit.tval;
	struct translation t;
	u64 cause;

	if (access != ACCESS_FETCH && mprv_active(v)) {
		mprv_exit(v, access);
		return;
	}
	cause = walk(v, v->mode, gva, access, &t);
	if (cause != NO_FAULT)
		fault_reflect(v, cause, gva);
	else if (hal_ram(v->vm, t.gpa, 1))
		fill(v, gva, access, &t);
	else if (access == ACCESS_FETCH)
		fault_reflect(v, CAUSE_INSN_ACCESS_FAULT, gva);
	else
		device(v, gva, access, &t);
}
