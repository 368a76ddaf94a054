/* hal.c: what the VMM core needs, provided by bare hardware in M-mode. */
#include "hypervisor.h"

/* Our own instructions between the two readings of minstret, see trap.S. */
enum { GUEST_ENTER_OVERHEAD = 34 + 38 };

static struct machine_vm *machine_of(const struct vm *vm)
{
	return vm->placement;
}

void *hal_alloc(void *placement, u64 size)
{
	(void)placement;
	return memory_alloc(size, 16);
}

void hal_run(struct vcpu *v, int root)
{
	struct guest_counts n;

	csr_write(CSR_SATP, tables_satp(machine_of(v->vm), root));
	guest_enter(v, &n);
	v->instret += n.instret_after - n.instret_before - GUEST_ENTER_OVERHEAD;
	v->cycle += n.cycle_after - n.cycle_before - GUEST_ENTER_OVERHEAD;
	if (v->exit.cause & CAUSE_INTERRUPT)
		sched_interrupt();
}

static u64 hpa_of(const struct machine_vm *m, u64 gpa)
{
	return m->ram.base + (gpa - BOARD_RAM);
}

bool hal_map(struct vm *vm, int root, u64 gva, u64 gpa, u64 perm)
{
	return tables_map(machine_of(vm), root, gva, hpa_of(machine_of(vm), gpa), perm);
}

void hal_unmap(struct vm *vm, int root, u64 gva, u64 size)
{
	tables_unmap(machine_of(vm), root, gva, size);
}

void *hal_ram(struct vm *vm, u64 gpa, u64 size)
{
	const struct machine_vm *m = machine_of(vm);
	u64 offset = gpa - BOARD_RAM;

	if (offset >= m->ram.size || size > m->ram.size - offset)
		return NULL;
	return (void *)hpa_of(m, gpa);
}

bool hal_irq_poll(struct vm *vm)
{
	return machine_of(vm)->input;
}

u64 hal_time(struct vm *vm)
{
	(void)vm;
	return machine_time();
}

void hal_arm(struct vm *vm, u64 deadline)
{
	machine_of(vm)->deadline = deadline;
	sched_program_timer();
}

void hal_wait(struct vm *vm)
{
	sched_wait(machine_of(vm));
}

void hal_console_put(struct vm *vm, u8 byte)
{
	console_put(machine_of(vm)->uart, byte);
}

int hal_console_get(struct vm *vm)
{
	return console_get(machine_of(vm));
}

void hal_log(struct vm *vm, const char *line)
{
	(void)vm;
	message("%s", line);
}
