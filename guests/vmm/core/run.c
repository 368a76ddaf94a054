/* run.c: the exit loop, and how a VM ends. */
#include "core.h"

enum { IDENTICAL_EXITS = 1000 };

/* The VM is over: kind 0 by its finisher, 1 because it died. */
void vm_end(struct vm *vm, u64 kind, u64 code)
{
	vm->outcome = (u64)vm->id << 16 | kind << 8 | code;
	vm->ended = true;
	MARK(MARK_VM_END, vm->outcome);
}

static const char *mode_name(u64 mode)
{
	return mode == PRIV_M ? "M" : mode == PRIV_S ? "S" : "U";
}

static void log_death(struct vcpu *v, const struct vm_fault *f)
{
	char line[200];

	snprintf(line, sizeof line, "VM %u vCPU %u died in virtual %s at pc 0x%lx: %s "
		 "(instruction 0x%lx, cause %lu, tval 0x%lx)", v->vm->id, v->id,
		 mode_name(f->mode), f->pc, f->text, f->insn, f->cause, f->tval);
	hal_log(v->vm, line);
}

/* End a VM that cannot go on, leaving a record of why.  insn 0: read it. */
void vm_die(struct vcpu *v, enum vm_fault_reason reason, u64 insn, const char *what)
{
	struct vm_fault *f = &v->vm->fault;
	u32 fetched;

	if (!insn && insn_fetch(v, &fetched))
		insn = fetched;
	*f = (struct vm_fault){reason, v->vm->id, v->id, v->mode, v->pc, insn,
			       v->exit.cause, v->exit.tval, v->csr.satp, 0, ""};
	shadow_find(v, f->tval, &f->gpa);
	snprintf(f->text, sizeof f->text, "%s", what);
	log_death(v, f);
	MARK(MARK_VM_FAULT, f);
	vm_end(v->vm, 1, 0);
}

/* The same exit again and again, and nothing retired between: the bare machine
 * would take identical traps for ever. */
static bool stuck(struct vcpu *v)
{
	struct progress *p = &v->progress;

	if (p->cause == v->exit.cause && p->epc == v->pc && p->tval == v->exit.tval &&
	    p->instret == v->instret)
		return ++p->repeats >= IDENTICAL_EXITS;
	*p = (struct progress){v->exit.cause, v->pc, v->exit.tval, v->instret, 0};
	return false;
}

static void ecall_exit(struct vcpu *v)
{
	exit_mark(v, EXIT_ECALL);
	trap_deliver(v, CAUSE_ECALL_U + v->mode, 0);
}

static void exception_exit(struct vcpu *v)
{
	exit_mark(v, EXIT_EXCEPTION);
	trap_deliver(v, v->exit.cause, v->exit.tval);
}

static void dispatch(struct vcpu *v)
{
	switch (v->exit.cause) {
	case CAUSE_ILLEGAL_INSN:
		emulate_exit(v);
		return;
	case CAUSE_ECALL_U:
		ecall_exit(v);
		return;
	case CAUSE_INSN_PAGE_FAULT:
	case CAUSE_LOAD_PAGE_FAULT:
	case CAUSE_STORE_PAGE_FAULT:
		fault_exit(v);
		return;
	}
	exception_exit(v);
}

static void handle_exit(struct vcpu *v)
{
	if (v->exit.cause & CAUSE_INTERRUPT) {
		exit_mark(v, EXIT_INTERRUPT);
		interrupt_host(v);
	} else if (stuck(v)) {
		vm_die(v, VM_FAULT_NO_PROGRESS, 0, "traps for ever without executing anything");
	} else {
		dispatch(v);
	}
}

static void run_once(struct vcpu *v)
{
	int root;

	interrupt_inject(v);
	root = shadow_select(v);
	MARK(MARK_ENTER, (u64)v->vm->id << 16 | v->id << 8 | v->mode);
	hal_run(v, root);
	handle_exit(v);
}

u64 vm_run(struct vm *vm)
{
	vm->time_offset = hal_time(vm);
	timer_update(&vm->vcpu);
	while (!vm->ended)
		run_once(&vm->vcpu);
	return vm->outcome;
}
