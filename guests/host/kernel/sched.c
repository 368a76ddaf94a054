/* sched.c: the processor goes round among the runnable processes, a slice at a
 * time; who waits sleeps until an event or a deadline. */
#include <mark.h>
#include "proc.h"

struct proc *current; /* whose turn it is, or NULL while the scheduler looks */

static struct context scheduler_context;
static u64 slice_end = NEVER;
static u64 next_wake = NEVER; /* no sleeper's deadline is earlier */

void arm_timer(u64 deadline)
{
	if (slice_end < deadline)
		deadline = slice_end;
	if (next_wake < deadline)
		deadline = next_wake;
	csr_write(CSR_STIMECMP, deadline);
}

/* Give the processor up; comes back when this process is chosen again. */
static void leave(void)
{
	switch_context(&current->context, &scheduler_context);
}

void yield(void)
{
	if (current->state == RUNNING)
		current->state = RUNNABLE;
	leave();
}

int sleep_on(const void *event, u64 deadline)
{
	if (current->killed)
		return ERR_KILLED;
	current->event = event;
	current->deadline = deadline;
	current->state = SLEEPING;
	if (deadline < next_wake)
		next_wake = deadline;
	leave();
	return current->killed ? ERR_KILLED : 0;
}

void wake_up(const void *event)
{
	for (int i = 0; i < MAX_PROCS; i++)
		if (procs[i].state == SLEEPING && procs[i].event == event)
			procs[i].state = RUNNABLE;
}

static void wake_overdue(void)
{
	u64 now = csr_read(CSR_TIME);

	next_wake = NEVER;
	for (int i = 0; i < MAX_PROCS; i++) {
		struct proc *p = &procs[i];

		if (p->state != SLEEPING)
			continue;
		if (p->deadline <= now)
			p->state = RUNNABLE;
		else if (p->deadline < next_wake)
			next_wake = p->deadline;
	}
}

static void timer_interrupt(void)
{
	wake_overdue();
	if (current != NULL && csr_read(CSR_TIME) >= slice_end)
		yield();
	else
		arm_timer(NEVER);
}

void handle_interrupt(u64 cause)
{
	if (cause == (CAUSE_INTERRUPT | IRQ_S_TIMER))
		timer_interrupt();
	else if (cause == (CAUSE_INTERRUPT | IRQ_S_EXT))
		console_interrupt();
	else
		panic("an interrupt that was never enabled: scause=%lx", cause);
}

static struct proc *next_runnable(void)
{
	static u32 last;

	for (u32 i = 1; i <= MAX_PROCS; i++) {
		struct proc *p = &procs[(last + i) % MAX_PROCS];

		if (p->state == RUNNABLE) {
			last = (u32)(p - procs);
			return p;
		}
	}
	return NULL;
}

/* Interrupts are not taken in S-mode, but wfi wakes for them all the same. */
static void idle(void)
{
	u64 pending;

	MARK(MARK_PROCESS, 0);
	slice_end = NEVER;
	arm_timer(NEVER);
	wait_for_interrupt();
	pending = csr_read(CSR_SIP);
	if (pending & SIP_STIP)
		timer_interrupt();
	if (pending & SIP_SEIP)
		console_interrupt();
}

static void run(struct proc *p)
{
	current = p;
	p->state = RUNNING;
	slice_end = csr_read(CSR_TIME) + TIME_SLICE;
	arm_timer(NEVER);
	MARK(MARK_PROCESS, p->pid);
	csr_write(CSR_SATP, satp_of(p->root, p->asid));
	switch_context(&scheduler_context, &p->context);
	current = NULL;
}

_Noreturn void scheduler(void)
{
	for (;;) {
		struct proc *p = next_runnable();

		if (p != NULL)
			run(p);
		else
			idle();
	}
}
