/* mprv.c: loads and stores of virtual M with the rights of another mode (mstatus.MPRV).
 *
 * Fetches and data are then translated differently, which no page table can
 * express.  So the guest runs under an execute-only root: every load and store
 * faults and is made here, one at a time.
 */
#include "core.h"

bool mprv_active(const struct vcpu *v)
{
	u64 status = v->csr.mstatus;

	return v->mode == PRIV_M && status & MSTATUS_MPRV && (status & MSTATUS_MPP) != MSTATUS_MPP;
}

static bool crosses_page(const struct memory_access *a)
{
	return (a->gva ^ (a->gva + a->width - 1)) >> PAGE_SHIFT;
}

static u64 ram_access(struct vcpu *v, u64 mode, const struct translation *t, void *ram,
		      struct memory_access *a)
{
	enum access access = a->store ? ACCESS_STORE : ACCESS_LOAD;
	u64 cause = walk_commit(v, access, t);

	if (cause != NO_FAULT)
		return cause;
	if (!pmp_allows(v, mode, t->gpa, a->width, pmp_bit(access)))
		return access_fault_cause(access);
	exit_mark(v, EXIT_OTHER);
	if (a->store)
		memcpy(ram, &a->value, a->width);
	else
		memcpy(&a->value, ram, a->width);
	return NO_FAULT;
}

static void access_as(struct vcpu *v, u64 mode, enum access access, struct memory_access *a)
{
	struct translation t;
	u64 cause = walk(v, mode, a->gva, access, &t);

	if (cause == NO_FAULT) {
		void *ram = hal_ram(v->vm, t.gpa, a->width);

		cause = ram ? ram_access(v, mode, &t, ram, a) : device_access(v, mode, &t, a);
	}
	if (cause == NO_FAULT)
		access_finish(v, a);
	else
		fault_reflect(v, cause, a->gva);
}

void mprv_exit(struct vcpu *v, enum access access)
{
	u64 mode = (v->csr.mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT;
	struct memory_access a;
	u32 insn;

	if (!insn_fetch(v, &insn)) {
		exit_mark(v, EXIT_OTHER); /* the code is gone: running on faults there */
		return;
	}
	if (!insn_decode_access(v, insn, &a) || a.atomic || crosses_page(&a))
		vm_die(v, VM_FAULT_CANNOT_EMULATE, insn,
		       "an atomic or page-crossing access under mstatus.MPRV");
	else
		access_as(v, mode, access, &a);
}
