/* schedule.c: the processor is given to one process after the other.
 *
 * Round robin with a time slice.  The one timer (stimecmp) serves both the slice
 * and the sleepers: it is set to whichever comes first. */
#include "kernel.h"

enum { SLICES_PER_SECOND = 1000, MICROSECONDS = 1000000 };

static u64 ticks_per_second, slice, slice_end, armed;

/* Writing stimecmp is worth avoiding where nothing changes: under a hypervisor it traps. */
static void arm(u64 deadline)
{
	if (deadline != armed)
		csr_write(CSR_STIMECMP, deadline);
	armed = deadline;
}

static void arm_next(void)
{
	u64 wake = process_next_wake();

	arm(wake < slice_end ? wake : slice_end);
}

void schedule_init(u64 timebase)
{
	ticks_per_second = timebase;
	slice = timebase / SLICES_PER_SECOND;
	slice_end = csr_read(CSR_TIME) + slice;
	armed = ~slice_end;
	arm_next();
	csr_set(CSR_SIE, MIE_STIE);
}

/* The timer has fired: wake who slept long enough, and see if the slice is over. */
bool schedule_timer(void)
{
	u64 now = csr_read(CSR_TIME);
	bool over = now >= slice_end;

	process_wake_sleepers(now);
	if (over)
		slice_end = now + slice;
	arm_next();
	return over;
}

void schedule_sleep(struct process *p, u64 microseconds)
{
	p->wake = csr_read(CSR_TIME) + microseconds * ticks_per_second / MICROSECONDS;
	p->state = SLEEPING;
	arm_next();
}

/* Nothing can run: no slice either, only sleepers and the console can end this.
 * wfi returns although interrupts are off in the kernel; they are then looked for. */
static void idle(void)
{
	u64 pending, wake = process_next_wake();

	if (wake == ~0UL && !process_any(READING))
		panic(__func__, "every process waits for another");
	arm(wake);
	wait_for_interrupt();
	pending = csr_read(CSR_SIP);
	if (pending & SIP_SEIP)
		console_interrupt();
	if (pending & SIP_STIP)
		schedule_timer();
}

/* The process that runs next, on its own address space; `last` is asked last. */
struct process *schedule(struct process *last)
{
	struct process *next;

	while ((next = process_next_ready(last)) == NULL)
		idle();
	next->state = RUNNING;
	paging_activate(next->root, next->asid);
	return next;
}
