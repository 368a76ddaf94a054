/* trap.c: why a process came into the kernel, and what is done about it. */
#include "kernel.h"

/* The access that a page or access fault was about; 0: the trap is no such fault. */
static u64 access_of(u64 cause)
{
	switch (cause) {
	case CAUSE_INSN_PAGE_FAULT:
	case CAUSE_INSN_ACCESS_FAULT:
		return PTE_X;
	case CAUSE_LOAD_PAGE_FAULT:
	case CAUSE_LOAD_ACCESS_FAULT:
		return PTE_R;
	case CAUSE_STORE_PAGE_FAULT:
	case CAUSE_STORE_ACCESS_FAULT:
		return PTE_W;
	default:
		return 0;
	}
}

static const char *words_for(u64 access)
{
	return access == PTE_X ? "execute" : access == PTE_R ? "read" : "write";
}

/* A process touches what is not its own, or executes what is no instruction. */
static void kill(struct process *p, u64 cause, u64 value)
{
	u64 access = access_of(cause);

	if (access != 0)
		print("minos: process %lu (%s) killed: it tried to %s %lx\n", p->pid, p->name,
		      words_for(access), value);
	else
		print("minos: process %lu (%s) killed: exception %lu, value %lx\n", p->pid,
		      p->name, cause, value);
	process_exit(p, STATUS_KILLED);
}

static void exception(struct process *p, u64 cause)
{
	u64 value = csr_read(CSR_STVAL);
	u64 access = access_of(cause);

	if (access != 0 && space_touch(p, value, access))
		return;
	if (access != 0 && p->recover != 0)
		p->frame[REG_PC] = p->recover;
	else
		kill(p, cause, value);
}

/* True: the process's time slice is over. */
static bool interrupt(struct process *p, u64 cause)
{
	bool over = false;

	if (cause == (CAUSE_INTERRUPT | IRQ_S_TIMER))
		over = schedule_timer();
	else if (cause == (CAUSE_INTERRUPT | IRQ_S_EXT))
		console_interrupt();
	else
		panic_trap(__func__, "an interrupt that nobody asked for", cause,
			   csr_read(CSR_SEPC), 0);
	if (over)
		p->state = READY;
	return over;
}

/* Every trap, from entry.S; the result is the frame to resume. */
u64 *trap(struct process *p)
{
	u64 cause = csr_read(CSR_SCAUSE);
	struct process *next = p;
	bool preempted = false;

	if (csr_read(CSR_SSTATUS) & SSTATUS_SPP)
		panic_trap(__func__, "the kernel itself made a mistake", cause,
			   csr_read(CSR_SEPC), csr_read(CSR_STVAL));
	if (cause & CAUSE_INTERRUPT)
		preempted = interrupt(p, cause);
	else if (cause == CAUSE_ECALL_U)
		system_call(p);
	else
		exception(p, cause);
	if (p->state != RUNNING)
		next = schedule(p);
	if (preempted && next != p)
		p->preemptions++;
	return next->frame;
}
