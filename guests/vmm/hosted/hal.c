/* hal.c: the HAL of the VMM as a process: every privileged act is a system call. */
#include <board.h>
#include <csr.h>
#include "placement.h"

_Static_assert((int)HAL_ROOTS <= (int)VM_ROOTS, "the kernel offers too few shadow roots");

static struct run_page *run_page_of(struct vm *vm)
{
	return ((struct placement *)vm->placement)->info.run;
}

/* The kernel refused what it must be able to do: the VM cannot go on. */
static void give_up(const char *call, s64 error)
{
	printf("vmm (process %ld): %s: %s; the VM is lost\n", getpid(), call, error_text(error));
	exit(EXIT_KILLED);
}

void *hal_alloc(void *placement, u64 size)
{
	(void)placement;
	return grow(size);
}

void hal_run(struct vcpu *v, int root)
{
	struct run_page *run = run_page_of(v->vm);
	s64 error;

	memcpy(run->x, v->x, sizeof(run->x));
	run->pc = v->pc;
	run->root = (u64)root;
	error = system_call(SYS_VCPU_RUN);
	if (error != 0)
		give_up("vcpu_run", error);
	memcpy(v->x, run->x, sizeof(run->x));
	v->x[0] = 0;
	v->pc = run->pc;
	v->exit.cause = run->cause;
	v->exit.tval = run->tval;
	v->instret += run->instret;
	v->cycle += run->cycle;
}

bool hal_map(struct vm *vm, int root, u64 gva, u64 gpa, u64 perm)
{
	s64 error = system_call(SYS_VM_MAP, (u64)root, gva, gpa, perm);

	(void)vm;
	if (error != 0 && error != ERR_MEMORY)
		give_up("vm_map", error);
	return error == 0;
}

void hal_unmap(struct vm *vm, int root, u64 gva, u64 size)
{
	s64 error = system_call(SYS_VM_UNMAP, (u64)root, gva, size);

	(void)vm;
	if (error != 0)
		give_up("vm_unmap", error);
}

void *hal_ram(struct vm *vm, u64 gpa, u64 size)
{
	const struct vm_info *info = &((struct placement *)vm->placement)->info;
	u64 offset = gpa - BOARD_RAM;

	if (gpa < BOARD_RAM || offset > info->ram_size || size > info->ram_size - offset)
		return NULL;
	return (u8 *)info->ram + offset;
}

bool hal_irq_poll(struct vm *vm)
{
	return run_page_of(vm)->input != 0;
}

u64 hal_time(struct vm *vm)
{
	(void)vm;
	return csr_read(CSR_TIME);
}

void hal_arm(struct vm *vm, u64 deadline)
{
	run_page_of(vm)->deadline = deadline;
}

void hal_wait(struct vm *vm)
{
	system_call(SYS_VCPU_WAIT, run_page_of(vm)->deadline);
}

void hal_console_put(struct vm *vm, u8 byte)
{
	(void)vm;
	system_call(SYS_VM_CONSOLE_WRITE, (u64)byte);
}

int hal_console_get(struct vm *vm)
{
	s64 byte = system_call(SYS_VM_CONSOLE_READ);

	(void)vm;
	return byte >= 0 ? (int)byte : -1;
}

void hal_log(struct vm *vm, const char *line)
{
	(void)vm;
	printf("%s\n", line);
}
