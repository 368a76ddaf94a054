/* decode.c: read and decode the load or store that touched a virtual device. */
#include "core.h"

enum {
	OPCODE_LOAD = 0x03,
	OPCODE_STORE = 0x23,
	OPCODE_AMO = 0x2f,
	REG_SP = 2,
};

/* Two bytes of code, from where the guest fetched them: what the shadow says
 * comes first, because the guest may have changed its tables without a fence. */
static bool fetch_half(struct vcpu *v, u64 gva, u16 *half)
{
	struct translation t;
	u16 *code;

	if (!shadow_find(v, gva, &t.gpa) && walk(v, v->mode, gva, ACCESS_FETCH, &t) != NO_FAULT)
		return false;
	code = hal_ram(v->vm, t.gpa, 2);
	if (code)
		*half = *code;
	return code;
}

/* The instruction at v->pc; false if it cannot be read any more. */
bool insn_fetch(struct vcpu *v, u32 *insn)
{
	u16 low, high;

	if (!fetch_half(v, v->pc, &low))
		return false;
	*insn = low;
	if ((low & 3) != 3)
		return true;
	if (!fetch_half(v, v->pc + 2, &high))
		return false;
	*insn |= (u32)high << 16;
	return true;
}

static bool decode_load(const struct vcpu *v, u32 insn, struct memory_access *a)
{
	u32 funct3 = field(insn, 12, 3);

	a->rd = field(insn, 7, 5);
	a->width = 1 << (funct3 & 3);
	a->sign_extended = !(funct3 & 4);
	a->gva = v->x[field(insn, 15, 5)] + sign_extend(insn >> 20, 12);
	return funct3 != 7;
}

static bool decode_store(const struct vcpu *v, u32 insn, struct memory_access *a)
{
	u32 funct3 = field(insn, 12, 3);
	u64 offset = field(insn, 25, 7) << 5 | field(insn, 7, 5);

	a->store = true;
	a->width = 1 << (funct3 & 3);
	a->value = v->x[field(insn, 20, 5)];
	a->gva = v->x[field(insn, 15, 5)] + sign_extend(offset, 12);
	return funct3 <= 3;
}

/* c.lw c.ld c.sw c.sd: registers x8 to x15, offset scaled by the width. */
static void decode_compact(const struct vcpu *v, u32 insn, struct memory_access *a)
{
	u32 reg = 8 + field(insn, 2, 3);
	u64 offset = field(insn, 10, 3) << 3;

	if (a->width == 4)
		offset |= field(insn, 6, 1) << 2 | field(insn, 5, 1) << 6;
	else
		offset |= field(insn, 5, 2) << 6;
	a->gva = v->x[8 + field(insn, 7, 3)] + offset;
	a->rd = reg;
	a->value = v->x[reg];
}

/* c.lwsp c.ldsp */
static void decode_stack_load(const struct vcpu *v, u32 insn, struct memory_access *a)
{
	u64 offset = field(insn, 12, 1) << 5;

	if (a->width == 4)
		offset |= field(insn, 4, 3) << 2 | field(insn, 2, 2) << 6;
	else
		offset |= field(insn, 5, 2) << 3 | field(insn, 2, 3) << 6;
	a->gva = v->x[REG_SP] + offset;
	a->rd = field(insn, 7, 5);
}

/* c.swsp c.sdsp */
static void decode_stack_store(const struct vcpu *v, u32 insn, struct memory_access *a)
{
	u64 offset;

	if (a->width == 4)
		offset = field(insn, 9, 4) << 2 | field(insn, 7, 2) << 6;
	else
		offset = field(insn, 10, 3) << 3 | field(insn, 7, 3) << 6;
	a->gva = v->x[REG_SP] + offset;
	a->value = v->x[field(insn, 2, 5)];
}

/* In quadrants 0 and 2 alike, funct3 is 2 lw, 3 ld, 6 sw, 7 sd. */
static bool decode_compressed(const struct vcpu *v, u32 insn, struct memory_access *a)
{
	u32 quadrant = insn & 3, funct3 = field(insn, 13, 3);

	if (quadrant == 1 || !(funct3 & 2))
		return false;
	a->length = 2;
	a->width = funct3 & 1 ? 8 : 4;
	a->store = funct3 & 4;
	a->sign_extended = true;
	if (quadrant == 0)
		decode_compact(v, insn, a);
	else if (a->store)
		decode_stack_store(v, insn, a);
	else
		decode_stack_load(v, insn, a);
	return true;
}

/* False: the instruction is no load or store. */
bool insn_decode_access(const struct vcpu *v, u32 insn, struct memory_access *a)
{
	*a = (struct memory_access){.length = 4};
	if ((insn & 3) != 3)
		return decode_compressed(v, insn, a);
	switch (insn & 0x7f) {
	case OPCODE_LOAD:
		return decode_load(v, insn, a);
	case OPCODE_STORE:
		return decode_store(v, insn, a);
	case OPCODE_AMO:
		a->atomic = true;
		return true;
	}
	return false;
}
