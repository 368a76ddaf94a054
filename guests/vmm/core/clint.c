/* clint.c: the virtual CLINT: software interrupt and timer of virtual M. */
#include "core.h"

enum { MSIP = 0, MTIMECMP = 0x4000, MTIME = 0xbff8 };

/* The part of a 64-bit register that an access of 4 or 8 bytes touches. */
static bool reaches(const struct bus_access *b, u64 reg, u32 *shift)
{
	*shift = 8 * (b->offset - reg);
	return (b->offset == reg && (b->width == 8 || b->width == 4)) ||
	       (b->offset == reg + 4 && b->width == 4);
}

static u64 extract(u64 value, const struct bus_access *b, u32 shift)
{
	return b->width == 8 ? value : value >> shift & 0xffffffff;
}

static u64 merge(u64 old, const struct bus_access *b, u32 shift)
{
	if (b->width == 8)
		return b->value;
	return (old & ~(0xfffffffful << shift)) | (b->value & 0xffffffff) << shift;
}

static bool mtimecmp_access(struct vm *vm, struct bus_access *b, u32 shift)
{
	if (b->store) {
		vm->clint.mtimecmp = merge(vm->clint.mtimecmp, b, shift);
		timer_update(&vm->vcpu);
	} else {
		b->value = extract(vm->clint.mtimecmp, b, shift);
	}
	return true;
}

static bool msip_access(struct vm *vm, struct bus_access *b)
{
	if (b->store)
		vm->clint.msip = b->value & 1;
	else
		b->value = vm->clint.msip;
	return true;
}

bool clint_access(struct vm *vm, struct bus_access *b)
{
	u32 shift;

	if (b->offset == MSIP && b->width == 4)
		return msip_access(vm, b);
	if (reaches(b, MTIMECMP, &shift))
		return mtimecmp_access(vm, b, shift);
	if (reaches(b, MTIME, &shift) && !b->store) {
		b->value = extract(vm_time(vm), b, shift);
		return true;
	}
	return false;
}
