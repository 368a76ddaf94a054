/* xret.c: return from a trap, on the virtual CSRs.
 *
 * Both restore the mode and the interrupt enable that the trap saved, forget the
 * previous mode (it becomes the least privileged one) and go on where it says.
 */
#include "core.h"

void trap_mret(struct vcpu *v)
{
	struct csr_file *c = &v->csr;
	u64 mode = (c->mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT;
	u64 status = c->mstatus & ~(MSTATUS_MPP | MSTATUS_MIE);

	if (c->mstatus & MSTATUS_MPIE)
		status |= MSTATUS_MIE;
	if (mode != PRIV_M)
		status &= ~MSTATUS_MPRV;
	c->mstatus = status | MSTATUS_MPIE;
	v->mode = mode;
	v->pc = c->mepc;
}

/* Yours. */
void trap_sret(struct vcpu *v)
{
	vm_die(v, VM_FAULT_CANNOT_EMULATE, 0x10200073, "sret is not written yet");
}
