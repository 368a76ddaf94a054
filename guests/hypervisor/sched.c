/* sched.c: one thread for each vCPU, run in turn.
 *
 * A thread gives the processor away when its guest waits, or when its slice is
 * over and another one could run.  Interrupts are off in the hypervisor, so
 * there is nothing to lock: a thread is only ever changed inside hal_run or
 * hal_wait.
 */
#include "hypervisor.h"

enum { SLICE = BOARD_TIMEBASE / 1000 }; /* 1 ms */

u64 machine_time(void)
{
	return csr_read(CSR_TIME);
}

static bool runnable(const struct machine_vm *m)
{
	return m->state == THREAD_RUNNABLE;
}

/* The scheduling policy: round robin.  NULL: everybody waits. */
static struct machine_vm *pick_next(void)
{
	u32 start = hv.current ? hv.current - hv.vm + 1 : 0;

	for (u32 i = 0; i < hv.count; i++) {
		struct machine_vm *m = &hv.vm[(start + i) % hv.count];

		if (runnable(m))
			return m;
	}
	return NULL;
}

static bool others_runnable(void)
{
	for (u32 i = 0; i < hv.count; i++)
		if (&hv.vm[i] != hv.current && runnable(&hv.vm[i]))
			return true;
	return false;
}

/* The real timer serves the slice, the running vCPU and all that wait.  It is
 * Sstc's, taken in M: writing a CSR costs less than reaching the CLINT. */
void sched_program_timer(void)
{
	u64 next = others_runnable() ? hv.slice_end : ~0ul;

	for (u32 i = 0; i < hv.count; i++) {
		struct machine_vm *m = &hv.vm[i];

		if ((m == hv.current || m->state == THREAD_WAITING) && m->deadline < next)
			next = m->deadline;
	}
	if (next == hv.programmed)
		return;
	hv.programmed = next;
	csr_write(CSR_STIMECMP, next);
}

static void wake(void)
{
	u64 now = machine_time();

	for (u32 i = 0; i < hv.count; i++) {
		struct machine_vm *m = &hv.vm[i];

		if (m->state == THREAD_WAITING && (m->input || m->deadline <= now))
			m->state = THREAD_RUNNABLE;
	}
}

/* Nobody can run: let the machine wait for the timer or a console. */
static struct machine_vm *idle(void)
{
	struct machine_vm *m;

	hv.current = NULL;
	while (!(m = pick_next())) {
		sched_program_timer();
		wait_for_interrupt();
		if (csr_read(CSR_MIP) & MIP_MEIP)
			console_interrupt();
		wake();
	}
	return m;
}

/* Run another thread; returns when it is this one's turn again. */
static void reschedule(struct context *from)
{
	struct machine_vm *previous = hv.current, *next = pick_next();

	if (!next)
		next = idle();
	hv.current = next;
	hv.slice_end = machine_time() + SLICE;
	sched_program_timer();
	if (next == previous)
		return;
	tables_confine(next);
	thread_switch(from, &next->context);
}

/* A real interrupt ended a guest's run. */
void sched_interrupt(void)
{
	if (csr_read(CSR_MIP) & MIP_MEIP)
		console_interrupt();
	wake();
	if (others_runnable() && machine_time() >= hv.slice_end)
		reschedule(&hv.current->context);
	else
		sched_program_timer();
}

void sched_wait(struct machine_vm *m)
{
	if (m->input || m->deadline <= machine_time())
		return;
	m->state = THREAD_WAITING;
	reschedule(&m->context);
}

static bool all_ended(void)
{
	for (u32 i = 0; i < hv.count; i++)
		if (hv.vm[i].state != THREAD_ENDED)
			return false;
	return true;
}

static u32 highest_code(void)
{
	u32 code = 0;

	for (u32 i = 0; i < hv.count; i++)
		if (hv.vm[i].code > code)
			code = hv.vm[i].code;
	return code;
}

void sched_end(struct machine_vm *m)
{
	m->state = THREAD_ENDED;
	m->deadline = ~0ul;
	if (all_ended())
		finish(highest_code());
	reschedule(&m->context);
}

/* Start every VM's thread; does not return. */
void sched_start(void (*thread)(void))
{
	for (u32 i = 0; i < hv.count; i++) {
		struct machine_vm *m = &hv.vm[i];
		void *stack = memory_alloc(STACK_SIZE, 16);

		if (!stack) {
			message("no memory for the thread of VM %u", m->id);
			finish(CODE_INPUT);
		}
		m->context.x[CONTEXT_RA] = (u64)thread;
		m->context.x[CONTEXT_SP] = (u64)stack + STACK_SIZE;
		m->state = THREAD_RUNNABLE;
		m->deadline = ~0ul;
	}
	reschedule(&hv.boot);
}
