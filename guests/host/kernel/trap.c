/* trap.c: why a process came into the kernel. */
#include "proc.h"

/* A process did what it may not do: it ends, everything else goes on. */
static void fault(struct proc *p, u64 cause)
{
	kprintf("host: process %lu (%s) killed: %s at pc %lx, address %lx\n", p->pid, p->name,
		cause_name(cause), p->frame->pc, csr_read(CSR_STVAL));
	p->killed = true;
}

void user_trap(struct trapframe *frame)
{
	u64 cause = csr_read(CSR_SCAUSE);
	struct proc *p = current;

	frame->pc = csr_read(CSR_SEPC);
	if (cause == CAUSE_ECALL_U) {
		frame->pc += 4;
		system_call(p);
	} else if (cause & CAUSE_INTERRUPT) {
		handle_interrupt(cause);
	} else {
		fault(p, cause);
	}
	if (p->killed)
		proc_exit(p, EXIT_KILLED);
	csr_write(CSR_SEPC, frame->pc);
	csr_write(CSR_SSTATUS, 0); /* sret goes to U-mode, where S interrupts are always on */
}

_Noreturn void kernel_trap(void)
{
	u64 cause = csr_read(CSR_SCAUSE);

	panic("unexpected trap in the kernel: %s (scause=%lx sepc=%lx stval=%lx)",
	      cause_name(cause), cause, csr_read(CSR_SEPC), csr_read(CSR_STVAL));
}
