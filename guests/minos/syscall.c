/* syscall.c: what a process can ask of the kernel (numbers and meaning: abi.h). */
#include "kernel.h"

extern u64 results[MAX_RESULTS];

static u64 part_in_page(u64 va, u64 size)
{
	u64 room = PAGE_SIZE - va % PAGE_SIZE;

	return size < room ? size : room;
}

static u64 sys_write(struct process *p, u64 buffer, u64 size)
{
	u64 done = 0;

	while (done < size) {
		u64 part = part_in_page(buffer + done, size - done);
		const char *text = space_pointer(p, buffer + done, PTE_R);

		if (text == NULL)
			return SYS_ERROR;
		console_put(text, part);
		done += part;
	}
	return done;
}

/* With nothing typed, the process waits and makes the call again: its pc goes back to it. */
static u64 sys_read(struct process *p, u64 buffer, u64 size)
{
	char *to = space_pointer(p, buffer, PTE_W);
	u64 room = part_in_page(buffer, size), done = 0;
	int c;

	if (to == NULL || size == 0)
		return SYS_ERROR;
	while (done < room && (c = console_get()) >= 0)
		to[done++] = (char)c;
	if (done > 0)
		return done;
	p->state = READING;
	p->frame[REG_PC] -= 4;
	return buffer;
}

static u64 sys_spawn(struct process *p, u64 program, u64 argument)
{
	struct process *child = process_spawn(program, argument, p->pid);

	return child != NULL ? child->pid : SYS_ERROR;
}

static u64 sys_sleep(struct process *p, u64 microseconds)
{
	schedule_sleep(p, microseconds);
	return 0;
}

static u64 sys_yield(struct process *p)
{
	p->state = READY;
	return 0;
}

static u64 sys_result(u64 index, u64 value)
{
	if (index >= MAX_RESULTS)
		return SYS_ERROR;
	results[index] = value;
	return 0;
}

void system_call(struct process *p)
{
	u64 *result = &p->frame[REG_A0];
	u64 a = *result, b = p->frame[REG_A1], c = p->frame[REG_A2];

	p->frame[REG_PC] += 4; /* go on after the ecall */
	switch (p->frame[REG_A7]) {
	case SYS_EXIT:
		process_exit(p, a);
		break;
	case SYS_WRITE:
		*result = sys_write(p, a, b);
		break;
	case SYS_READ:
		*result = sys_read(p, a, b);
		break;
	case SYS_YIELD:
		*result = sys_yield(p);
		break;
	case SYS_GETPID:
		*result = p->pid;
		break;
	case SYS_SPAWN:
		*result = sys_spawn(p, a, b);
		break;
	case SYS_WAIT:
		process_wait(p, a);
		break;
	case SYS_SLEEP:
		*result = sys_sleep(p, a);
		break;
	case SYS_GROW:
		*result = space_grow(p, a);
		break;
	case SYS_PROTECT:
		*result = space_protect(p, a, b, c != 0) ? 0 : SYS_ERROR;
		break;
	case SYS_RECOVER:
		p->recover = a;
		*result = 0;
		break;
	case SYS_PREEMPTED:
		*result = p->preemptions;
		break;
	case SYS_RESULT:
		*result = sys_result(a, b);
		break;
	default:
		*result = SYS_ERROR;
	}
}
