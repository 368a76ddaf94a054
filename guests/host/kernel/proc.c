/* proc.c: processes come, wait for each other, and go. */
#include "proc.h"
#include "../../lib/string.h"

struct proc procs[MAX_PROCS];

static u8 kernel_stacks[MAX_PROCS][KERNEL_STACK_SIZE]
	__attribute__((section(".bss.stacks"), aligned(16)));
static u64 last_pid;

/* Where a new process is switched to for the first time. */
static void first_run(void)
{
	csr_write(CSR_SEPC, current->frame->pc);
	csr_write(CSR_SSTATUS, 0);
	user_return(current->frame);
}

static struct proc *free_slot(void)
{
	for (int i = 0; i < MAX_PROCS; i++)
		if (procs[i].state == UNUSED)
			return &procs[i];
	return NULL;
}

static void prepare(struct proc *p, struct proc *parent, const char *name)
{
	u64 slot = (u64)(p - procs);
	u8 *stack_top = kernel_stacks[slot] + KERNEL_STACK_SIZE;

	memset(p, 0, sizeof(*p));
	p->parent = parent;
	p->asid = ASID_FIRST_PROC + slot;
	memcpy(p->name, name, strnlen(name, MAX_NAME - 1));
	p->frame = (struct trapframe *)stack_top - 1;
	memset(p->frame, 0, sizeof(*p->frame));
	p->context.ra = (u64)first_run;
	p->context.sp = (u64)p->frame;
}

static void release(struct proc *p)
{
	free_user_pages(p->root);
	sfence_asid(p->asid);
	p->state = UNUSED;
}

s64 proc_spawn(struct proc *parent, const char *path, char *const argv[], int argc)
{
	struct proc *p = free_slot();
	int error;

	if (p == NULL)
		return ERR_MEMORY;
	prepare(p, parent, path);
	p->root = user_root();
	if (p->root == NULL)
		return ERR_MEMORY;
	error = load_program(p, path, argv, argc);
	if (error != 0) {
		release(p);
		return error;
	}
	p->pid = ++last_pid;
	p->state = RUNNABLE;
	return (s64)p->pid;
}

/* Orphans belong to the first process, which waits for everybody. */
static void give_children_to_init(struct proc *p)
{
	for (int i = 0; i < MAX_PROCS; i++)
		if (procs[i].state != UNUSED && procs[i].parent == p)
			procs[i].parent = &procs[0];
	wake_up(&procs[0]);
}

_Noreturn void proc_exit(struct proc *p, u64 code)
{
	if (p == &procs[0])
		panic("the first process (%s) ended with code %lu", p->name, code);
	vm_release(p);
	give_children_to_init(p);
	p->exit_code = code;
	p->state = ZOMBIE;
	wake_up(p->parent);
	yield();
	panic("process %lu runs after its end", p->pid);
}

/* Take one ended child; its pid, 0 if all live on, or that there are none. */
static s64 reap(struct proc *p, u64 *code)
{
	s64 result = ERR_NOT_FOUND;

	for (int i = 0; i < MAX_PROCS; i++) {
		struct proc *child = &procs[i];

		if (child->state == UNUSED || child->parent != p)
			continue;
		if (child->state == ZOMBIE) {
			*code = child->exit_code;
			release(child);
			return (s64)child->pid;
		}
		result = 0;
	}
	return result;
}

s64 proc_wait(struct proc *p, u64 code_address)
{
	u64 code = 0;
	s64 pid;
	int status;

	while ((pid = reap(p, &code)) == 0)
		if (sleep_on(p, NEVER) != 0)
			return ERR_KILLED;
	if (pid > 0 && code_address != 0) {
		status = (int)code;
		if (copy_out(p, code_address, &status, sizeof(status)) != 0)
			return ERR_FAULT;
	}
	return pid;
}

s64 proc_kill(u64 pid)
{
	for (int i = 0; i < MAX_PROCS; i++) {
		struct proc *p = &procs[i];

		if (p->state == UNUSED || p->state == ZOMBIE || p->pid != pid)
			continue;
		if (p == &procs[0])
			return ERR_INVALID;
		p->killed = true;
		if (p->state == SLEEPING)
			p->state = RUNNABLE;
		return 0;
	}
	return ERR_NOT_FOUND;
}

/* More memory at the end of the heap.  When there is not enough, what could be
 * added stays for the next, smaller request. */
s64 proc_grow(struct proc *p, u64 bytes)
{
	u64 old = p->memory_end, limit = USER_END - USER_STACK_SIZE - PAGE_SIZE;
	u64 end;

	if (bytes > limit - old)
		return ERR_MEMORY;
	end = (old + bytes + PAGE_SIZE - 1) & -PAGE_SIZE;
	for (u64 va = old; va < end; va += PAGE_SIZE) {
		void *page = page_alloc();

		if (page == NULL)
			return ERR_MEMORY;
		if (!map_page(p->root, va, (u64)page, PTE_R | PTE_W | PTE_U)) {
			page_free(page);
			return ERR_MEMORY;
		}
		p->memory_end = va + PAGE_SIZE;
	}
	return (s64)old;
}
