/* process.c: processes are made, end, and wait for each other.
 *
 * A process's slot in the table gives its address space its ASID. */
#include "../lib/string.h"
#include "kernel.h"
#include <board.h>

extern const u8 init_elf[], init_elf_end[], worker_elf[], worker_elf_end[];

static const struct program {
	const char *name;
	const u8 *start, *end;
} programs[PROGRAM_COUNT] = {
	[PROGRAM_INIT] = {"init", init_elf, init_elf_end},
	[PROGRAM_WORKER] = {"worker", worker_elf, worker_elf_end},
};

static struct process processes[MAX_PROCESSES];
static u64 last_pid;

static struct process *find_state(enum process_state state)
{
	for (u32 i = 0; i < MAX_PROCESSES; i++)
		if (processes[i].state == state)
			return &processes[i];
	return NULL;
}

bool process_any(enum process_state state)
{
	return find_state(state) != NULL;
}

static struct process *find_pid(u64 pid)
{
	for (u32 i = 0; i < MAX_PROCESSES; i++)
		if (processes[i].state != FREE && processes[i].pid == pid)
			return &processes[i];
	return NULL;
}

/* Put a fresh process into a free slot.  The slot's last owner had the same ASID:
 * what the TLB still holds of it must go. */
static void prepare(struct process *p, const struct program *program, u64 argument)
{
	memset(p, 0, sizeof(*p));
	p->asid = (u64)(p - processes) + 1;
	p->name = program->name;
	p->root = paging_new();
	p->frame[REG_A0] = argument;
	p->frame[REG_SP] = USER_STACK_TOP;
	sfence_asid(p->asid);
}

/* NULL if there is no slot or no memory. */
struct process *process_spawn(u64 program, u64 argument, u64 parent)
{
	struct process *p = find_state(FREE);
	const char *error = NULL;

	if (p == NULL || program >= PROGRAM_COUNT)
		return NULL;
	prepare(p, &programs[program], argument);
	if (p->root == NULL)
		return NULL;
	error = space_load(p, programs[program].start,
			   (u64)(programs[program].end - programs[program].start));
	if (error != NULL) {
		print("minos: %s cannot be started: %s\n", p->name, error);
		paging_free(p->root);
		return NULL;
	}
	p->pid = ++last_pid;
	p->parent = parent;
	p->state = READY;
	return p;
}

/* The parent, waiting in SYS_WAIT, gets pid and status; the child's slot is free. */
static void deliver(struct process *parent, struct process *child)
{
	parent->frame[REG_A0] = child->pid;
	parent->frame[REG_A1] = child->status;
	child->state = FREE;
}

/* Nobody will ever wait for the children of a process that ends. */
static void abandon_children(u64 pid)
{
	for (u32 i = 0; i < MAX_PROCESSES; i++) {
		struct process *child = &processes[i];

		if (child->state == FREE || child->parent != pid)
			continue;
		child->parent = 0;
		if (child->state == ZOMBIE)
			child->state = FREE;
	}
}

void process_exit(struct process *p, u64 status)
{
	struct process *parent = find_pid(p->parent);

	if (p->parent == 0 && p->pid == 1) /* init: nothing is left to do */
		power_off(status < BOARD_FINISHER_DIED ? (u32)status : 1);
	abandon_children(p->pid);
	paging_activate(NULL, 0); /* not on the tables that are about to go */
	paging_free(p->root);
	p->root = NULL;
	p->status = status;
	p->state = parent != NULL ? ZOMBIE : FREE;
	if (parent != NULL && parent->state == WAITING && parent->waiting_for == p->pid) {
		deliver(parent, p);
		parent->state = READY;
	}
}

void process_wait(struct process *p, u64 pid)
{
	struct process *child = find_pid(pid);

	if (child == NULL || child->parent != p->pid) {
		p->frame[REG_A0] = SYS_ERROR;
	} else if (child->state == ZOMBIE) {
		deliver(p, child);
	} else {
		p->waiting_for = pid;
		p->state = WAITING;
	}
}

/* All that wait in a state may go on. */
void process_wake(enum process_state state)
{
	for (u32 i = 0; i < MAX_PROCESSES; i++)
		if (processes[i].state == state)
			processes[i].state = READY;
}

void process_wake_sleepers(u64 now)
{
	for (u32 i = 0; i < MAX_PROCESSES; i++)
		if (processes[i].state == SLEEPING && processes[i].wake <= now)
			processes[i].state = READY;
}

u64 process_next_wake(void)
{
	u64 next = ~0UL;

	for (u32 i = 0; i < MAX_PROCESSES; i++)
		if (processes[i].state == SLEEPING && processes[i].wake < next)
			next = processes[i].wake;
	return next;
}

/* Round robin: the next ready one in the table after this one, which comes last. */
struct process *process_next_ready(const struct process *after)
{
	u64 start = (u64)(after - processes) + 1;

	for (u64 i = 0; i < MAX_PROCESSES; i++) {
		struct process *p = &processes[(start + i) % MAX_PROCESSES];

		if (p->state == READY)
			return p;
	}
	return NULL;
}
