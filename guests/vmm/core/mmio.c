/* mmio.c: the virtual board's bus, and the finisher, its smallest device. */
#include "core.h"

enum {
	FINISHER_SIZE = 0x1000,
	CLINT_SIZE = 0x10000,
	PLIC_SIZE = 0x600000,
	UART_SIZE = 8,
	FINISHER_PASS = 0x5555,
	FINISHER_FAIL = 0x3333,
	FINISHER_RESET = 0x7777,
	MAX_CODE = 0xff, /* as much as the outcome of a VM can hold */
};

static void finish(struct vcpu *v, u32 value)
{
	u32 code = value >> 16;

	if ((value & 0xffff) == FINISHER_RESET)
		vm_die(v, VM_FAULT_CANNOT_EMULATE, 0, "asked the finisher for a reset");
	else if ((value & 0xffff) == FINISHER_PASS)
		vm_end(v->vm, 0, 0);
	else /* a failure stays one, also with code 0 */
		vm_end(v->vm, 0, code == 0 ? 1 : code > MAX_CODE ? MAX_CODE : code);
}

static bool finisher_access(struct bus_access *b)
{
	u64 verdict = b->value & 0xffff;

	if (b->offset != 0 || b->width != 4)
		return false;
	if (b->store)
		return verdict == FINISHER_PASS || verdict == FINISHER_FAIL ||
		       verdict == FINISHER_RESET;
	b->value = 0;
	return true;
}

static bool uart_access(struct vm *vm, struct bus_access *b)
{
	if (b->width != 1)
		return false;
	if (b->store)
		uart_write(vm, b->offset, b->value);
	else
		b->value = uart_read(vm, b->offset);
	plic_set_level(vm, BOARD_UART0_IRQ, uart_irq(&vm->uart));
	return true;
}

static bool within(u64 gpa, u64 base, u64 size, struct bus_access *b)
{
	b->offset = gpa - base;
	return b->offset < size;
}

static bool bus(struct vm *vm, u64 gpa, struct bus_access *b, u64 *reason)
{
	if (within(gpa, BOARD_UART0, UART_SIZE, b))
		return *reason = EXIT_MMIO_UART, uart_access(vm, b);
	if (within(gpa, BOARD_PLIC, PLIC_SIZE, b))
		return *reason = EXIT_MMIO_PLIC, plic_access(vm, b);
	if (within(gpa, BOARD_CLINT, CLINT_SIZE, b))
		return *reason = EXIT_MMIO_CLINT, clint_access(vm, b);
	if (within(gpa, BOARD_FINISHER, FINISHER_SIZE, b))
		return *reason = EXIT_MMIO_FINISHER, finisher_access(b);
	return false;
}

static u64 low_bytes(u64 value, u8 width)
{
	return width == 8 ? value : value & ((1ul << 8 * width) - 1);
}

/* Perform a device access.  False: nothing answers there. */
bool mmio_access(struct vcpu *v, u64 gpa, struct memory_access *a)
{
	struct bus_access b = {.width = a->width, .store = a->store};
	u64 reason;

	b.value = low_bytes(a->value, a->width);
	if (!bus(v->vm, gpa, &b, &reason))
		return false;
	exit_mark(v, reason);
	a->value = low_bytes(b.value, a->width);
	if (reason == EXIT_MMIO_FINISHER && a->store)
		finish(v, b.value);
	return true;
}
