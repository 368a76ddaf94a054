/* guest.c: the VM facility: lend a process a region of RAM and a way to run it.
 *
 * The kernel emulates nothing.  It runs a guest's registers in U-mode under a
 * shadow root until something traps, and tells the process what.  What it does
 * see to: a guest reaches only RAM of its own VM, and a process only one VM.
 */
#include "../../lib/string.h"
#include "guest_entry.h"
#include "proc.h"
#include "shadow.h"

_Static_assert(__builtin_offsetof(struct run_page, instret) == RUN_INSTRET, "guest_entry.S");
_Static_assert(__builtin_offsetof(struct run_page, cycle) == RUN_CYCLE, "guest_entry.S");
_Static_assert(__builtin_offsetof(struct run_page, kernel) == RUN_KERNEL_SP, "guest_entry.S");
_Static_assert(sizeof(struct run_page) == RUN_SCRATCH + 8, "guest_entry.S");

struct vm {
	struct proc *owner; /* NULL: free */
	bool used_before;   /* so its RAM is no longer zero */
	struct channel *channel;
	struct run_page *run;
	struct shadow shadow[VM_ROOTS];
};

static struct vm vms[MAX_VMS];

extern char guest_leave[];
void guest_enter(struct run_page *run, u64 run_va, u64 trap_va, u64 satp);

static bool map_vm(struct proc *p, const struct range *ram, const struct run_page *run)
{
	u64 flags = PTE_R | PTE_W | PTE_U;

	return map_page(p->root, RUN_PAGE_VA, (u64)run, flags) &&
	       map_range(p->root, GUEST_RAM_VA, ram->base, ram->size, flags);
}

s64 vm_create(struct proc *p, u64 index, u64 info_address)
{
	struct vm_info info = {GUEST_RAM_VA, 0, (struct run_page *)RUN_PAGE_VA};
	const struct range *ram;
	struct vm *vm;

	if (index >= MAX_VMS || !platform.vm[index].present)
		return ERR_NOT_FOUND;
	vm = &vms[index];
	ram = &platform.vm[index].ram;
	if (vm->owner != NULL || p->vm != NULL)
		return ERR_BUSY;
	vm->run = page_alloc();
	if (vm->run == NULL)
		return ERR_MEMORY;
	vm->owner = p;
	vm->channel = vm_channel((u32)index);
	p->vm = vm;
	if (vm->used_before)
		memset((void *)ram->base, 0, ram->size);
	if (!map_vm(p, ram, vm->run))
		return ERR_MEMORY; /* what was mapped goes with the process */
	sfence_asid(p->asid);
	info.ram_size = ram->size;
	return copy_out(p, info_address, &info, sizeof(info));
}

void vm_release(struct proc *p)
{
	struct vm *vm = p->vm;

	if (vm == NULL)
		return;
	for (int i = 0; i < VM_ROOTS; i++)
		if (vm->shadow[i].root != NULL)
			shadow_free(&vm->shadow[i]);
	page_free(vm->run);
	vm->run = NULL;
	vm->owner = NULL;
	vm->used_before = true;
	p->vm = NULL;
}

/* A root of the process's VM, made when first asked for; NULL: no such root, or
 * no memory. */
static struct shadow *shadow_of(struct proc *p, u64 root)
{
	struct vm *vm = p->vm;
	struct shadow *s;

	if (vm == NULL || root >= VM_ROOTS)
		return NULL;
	s = &vm->shadow[root];
	if (s->root == NULL &&
	    !shadow_create(s, vm->run, ASID_FIRST_VM + (u64)(vm - vms) * VM_ROOTS + root))
		return NULL;
	return s;
}

static bool is_canonical(u64 va)
{
	return va < LOWER_HALF_END || va >= UPPER_HALF;
}

s64 vm_map(struct proc *p, u64 root, u64 gva, u64 gpa, u64 perm)
{
	struct shadow *s = shadow_of(p, root);
	const struct range *ram;

	if (s == NULL || (gva | gpa) % PAGE_SIZE != 0 || !is_canonical(gva) || perm == 0 ||
	    (perm & ~(u64)(PTE_R | PTE_W | PTE_X)) != 0 || (perm & (PTE_R | PTE_W)) == PTE_W)
		return ERR_INVALID;
	ram = &platform.vm[p->vm - vms].ram;
	if (gpa < BOARD_RAM || gpa - BOARD_RAM >= ram->size)
		return ERR_FAULT;
	return shadow_map(s, gva, ram->base + (gpa - BOARD_RAM), perm) ? 0 : ERR_MEMORY;
}

s64 vm_unmap(struct proc *p, u64 root, u64 gva, u64 size)
{
	struct shadow *s = shadow_of(p, root);

	if (s == NULL || (gva | size) % PAGE_SIZE != 0 || gva + size < gva)
		return ERR_INVALID;
	if (size == 0)
		return shadow_clear(s) ? 0 : ERR_MEMORY;
	shadow_unmap(s, gva, size);
	return 0;
}

/* Run the guest until something traps; *run tells what, and for how long. */
static void enter(struct run_page *run, const struct shadow *s)
{
	csr_write(CSR_SEPC, run->pc);
	csr_write(CSR_SCOUNTEREN, 0); /* the guest's view of time is the VMM's business */
	csr_write(CSR_STVEC, s->trap_va + (u64)(guest_leave - guest_trap_page));
	csr_write(CSR_SSCRATCH, s->trap_va + PAGE_SIZE);
	guest_enter(run, s->trap_va + PAGE_SIZE, s->trap_va, satp_of(s->root, s->asid));
	csr_write(CSR_STVEC, (u64)trap_entry);
	csr_write(CSR_SCOUNTEREN, SCOUNTEREN_TM);
	run->pc = csr_read(CSR_SEPC);
	run->cause = csr_read(CSR_SCAUSE);
	run->tval = csr_read(CSR_STVAL);
	if (csr_read(CSR_SSTATUS) & SSTATUS_SPP)
		panic("trap on the way into a guest: %s (scause=%lx sepc=%lx stval=%lx)",
		      cause_name(run->cause), run->cause, run->pc, run->tval);
}

static bool is_page_fault(u64 cause)
{
	return cause == CAUSE_INSN_PAGE_FAULT || cause == CAUSE_LOAD_PAGE_FAULT ||
	       cause == CAUSE_STORE_PAGE_FAULT;
}

s64 vcpu_run(struct proc *p)
{
	struct run_page *run = p->vm != NULL ? p->vm->run : NULL;
	struct shadow *s = run != NULL ? shadow_of(p, run->root) : NULL;
	u64 instret = 0, cycle = 0;
	bool again;

	if (s == NULL)
		return ERR_INVALID;
	arm_timer(run->deadline);
	do {
		enter(run, s);
		instret += run->instret;
		cycle += run->cycle;
		again = is_page_fault(run->cause) && shadow_collides(s, run->tval);
	} while (again && shadow_move(s));
	if (again)
		return ERR_MEMORY;
	run->instret = instret;
	run->cycle = cycle;
	if (run->cause & CAUSE_INTERRUPT)
		handle_interrupt(run->cause);
	run->input = channel_waiting(p->vm->channel);
	return 0;
}

s64 vcpu_wait(struct proc *p, u64 deadline)
{
	struct vm *vm = p->vm;

	if (vm == NULL)
		return ERR_INVALID;
	if (!channel_waiting(vm->channel) && csr_read(CSR_TIME) < deadline &&
	    sleep_on(vm->channel, deadline) != 0)
		return ERR_KILLED;
	vm->run->input = channel_waiting(vm->channel);
	return 0;
}

s64 vm_console_write(struct proc *p, u64 byte)
{
	if (p->vm == NULL)
		return ERR_INVALID;
	channel_put(p->vm->channel, (u8)byte);
	return 0;
}

s64 vm_console_read(struct proc *p)
{
	int byte;

	if (p->vm == NULL)
		return ERR_INVALID;
	byte = channel_get(p->vm->channel);
	p->vm->run->input = channel_waiting(p->vm->channel);
	return byte;
}
