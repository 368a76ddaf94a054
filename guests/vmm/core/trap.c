/* trap.c: traps as the guest sees them: delegation and entry.  The way back is xret.c.
 *
 * This is what the hardware does on the bare machine, on the virtual CSRs.
 */
#include "core.h"

static void enter_s(struct vcpu *v, u64 cause, u64 tval)
{
	struct csr_file *c = &v->csr;
	u64 status = c->mstatus & ~(MSTATUS_SPP | MSTATUS_SPIE | MSTATUS_SIE);

	if (v->mode == PRIV_S)
		status |= MSTATUS_SPP;
	if (c->mstatus & MSTATUS_SIE)
		status |= MSTATUS_SPIE;
	c->mstatus = status;
	c->sepc = v->pc;
	c->scause = cause;
	c->stval = tval;
	v->mode = PRIV_S;
}

static void enter_m(struct vcpu *v, u64 cause, u64 tval)
{
	struct csr_file *c = &v->csr;
	u64 status = c->mstatus & ~(MSTATUS_MPP | MSTATUS_MPIE | MSTATUS_MIE);

	status |= v->mode << MSTATUS_MPP_SHIFT;
	if (c->mstatus & MSTATUS_MIE)
		status |= MSTATUS_MPIE;
	c->mstatus = status;
	c->mepc = v->pc;
	c->mcause = cause;
	c->mtval = tval;
	v->mode = PRIV_M;
}

static u64 vector(u64 tvec, u64 cause)
{
	u64 base = tvec & MTVEC_BASE;
	bool vectored = (tvec & MTVEC_MODE) == 1 && cause & CAUSE_INTERRUPT;

	return vectored ? base + 4 * (cause & ~CAUSE_INTERRUPT) : base;
}

/* Take a trap at v->pc.  Delegation never lowers the mode: a trap in M stays there. */
void trap_deliver(struct vcpu *v, u64 cause, u64 tval)
{
	u64 deleg = cause & CAUSE_INTERRUPT ? v->csr.mideleg : v->csr.medeleg;
	bool to_s = v->mode != PRIV_M && deleg >> (cause & 63) & 1;

	if (to_s)
		enter_s(v, cause, tval);
	else
		enter_m(v, cause, tval);
	v->pc = vector(to_s ? v->csr.stvec : v->csr.mtvec, cause);
}
