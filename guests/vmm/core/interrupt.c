/* interrupt.c: virtual interrupts and virtual time.
 *
 * Timer interrupts are looked at only when they can have changed: when the real
 * machine interrupts (hal_arm asked it to), when the guest writes a comparator,
 * when it reads mip, and when it waits.
 */
#include "core.h"

u64 vm_time(struct vm *vm)
{
	return hal_time(vm) - vm->time_offset;
}

static bool sstc(const struct vcpu *v)
{
	return v->csr.menvcfg & MENVCFG_STCE;
}

/* mip as the guest would read it. */
u64 interrupt_pending(const struct vcpu *v)
{
	const struct vm *vm = v->vm;
	u64 pending = v->csr.mip;

	if (sstc(v))
		pending = (pending & ~MIP_STIP) | (v->stip ? MIP_STIP : 0);
	if (v->mtip)
		pending |= MIP_MTIP;
	if (vm->clint.msip)
		pending |= MIP_MSIP;
	if (plic_output(&vm->plic, 0))
		pending |= MIP_MEIP;
	if (plic_output(&vm->plic, 1))
		pending |= MIP_SEIP;
	return pending;
}

/* Interrupts that the mode and the enable bits let through; M's come first. */
static u64 deliverable(const struct vcpu *v)
{
	u64 ready = interrupt_pending(v) & v->csr.mie;
	u64 m = ready & ~v->csr.mideleg, s = ready & v->csr.mideleg;

	if (m && (v->mode < PRIV_M || v->csr.mstatus & MSTATUS_MIE))
		return m;
	if (v->mode < PRIV_S || (v->mode == PRIV_S && v->csr.mstatus & MSTATUS_SIE))
		return s;
	return 0;
}

/* Take the most urgent interrupt, if the guest would take one now. */
void interrupt_inject(struct vcpu *v)
{
	static const u8 order[] = {IRQ_M_EXT, IRQ_M_SOFT, IRQ_M_TIMER,
				   IRQ_S_EXT, IRQ_S_SOFT, IRQ_S_TIMER};
	u64 ready = deliverable(v);

	if (!ready)
		return;
	for (u32 i = 0; i < sizeof order; i++)
		if (ready >> order[i] & 1) {
			trap_deliver(v, CAUSE_INTERRUPT | order[i], 0);
			return;
		}
}

/* Real time of a virtual deadline; NEVER if it has passed or will not come. */
static u64 real_deadline(struct vm *vm, u64 deadline, u64 now)
{
	u64 real = deadline + vm->time_offset;

	return deadline <= now || real < deadline ? NEVER : real;
}

static u64 next_deadline(struct vcpu *v, u64 now)
{
	u64 m = real_deadline(v->vm, v->vm->clint.mtimecmp, now);
	u64 s = sstc(v) ? real_deadline(v->vm, v->csr.stimecmp, now) : NEVER;

	return m < s ? m : s;
}

/* Compare both timers with the clock and ask to be woken at the next deadline. */
void timer_update(struct vcpu *v)
{
	u64 now = vm_time(v->vm), deadline = next_deadline(v, now);

	v->mtip = now >= v->vm->clint.mtimecmp;
	v->stip = sstc(v) && now >= v->csr.stimecmp;
	if (deadline != v->armed) {
		v->armed = deadline;
		hal_arm(v->vm, deadline);
	}
}

static void console_update(struct vm *vm)
{
	if (!hal_irq_poll(vm))
		return;
	uart_poll(vm);
	plic_set_level(vm, BOARD_UART0_IRQ, uart_irq(&vm->uart));
}

/* The real machine interrupted: a deadline or console input may be the reason. */
void interrupt_host(struct vcpu *v)
{
	timer_update(v);
	console_update(v->vm);
}

static bool console_could_wake(const struct vcpu *v)
{
	const struct vm *vm = v->vm;

	if (!uart_could_interrupt(&vm->uart))
		return false;
	return (v->csr.mie & MIE_MEIE && plic_could_signal(&vm->plic, 0, BOARD_UART0_IRQ)) ||
	       (v->csr.mie & MIE_SEIE && plic_could_signal(&vm->plic, 1, BOARD_UART0_IRQ));
}

/* Is anything enabled that could still become pending? */
static bool could_wake(struct vcpu *v)
{
	u64 now = vm_time(v->vm);

	if (v->csr.mie & MIE_MTIE && real_deadline(v->vm, v->vm->clint.mtimecmp, now) != NEVER)
		return true;
	if (v->csr.mie & MIE_STIE && sstc(v) && real_deadline(v->vm, v->csr.stimecmp, now) != NEVER)
		return true;
	return console_could_wake(v);
}

/* wfi: until an enabled interrupt is pending, whether or not it would be taken. */
void interrupt_wait(struct vcpu *v)
{
	for (;;) {
		interrupt_host(v);
		if (interrupt_pending(v) & v->csr.mie)
			return;
		if (!could_wake(v)) {
			/* A deadline may have passed between the two looks at the clock. */
			timer_update(v);
			if (interrupt_pending(v) & v->csr.mie)
				return;
			vm_die(v, VM_FAULT_NO_WAKEUP, 0x10500073,
			       "waits, and no enabled interrupt could ever wake it");
			return;
		}
		hal_wait(v->vm);
	}
}
