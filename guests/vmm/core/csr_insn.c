/* csr_insn.c: csrrw, csrrs, csrrc and their immediate forms, as the bare machine executes them.
 *
 * Which CSRs there are, who may touch them and which bits a write changes is
 * csr.c's to say; here is the order of the steps.  Nothing may have changed when
 * the instruction is refused.
 */
#include "core.h"

struct csr_insn {
	u32 number, rd;
	u64 source;
	u32 operation; /* 1 write, 2 set, 3 clear */
	bool reads, writes;
};

static struct csr_insn decode_csr(const struct vcpu *v, u32 insn)
{
	u32 rs1 = field(insn, 15, 5), funct3 = field(insn, 12, 3);
	struct csr_insn i = {.number = insn >> 20, .rd = field(insn, 7, 5)};

	i.operation = funct3 & 3;
	i.source = funct3 & 4 ? rs1 : v->x[rs1];
	i.writes = i.operation == 1 || rs1 != 0;
	i.reads = i.operation != 1 || i.rd != 0;
	return i;
}

static u64 combine(const struct csr_insn *i, u64 old)
{
	if (i->operation == 1)
		return i->source;
	return i->operation == 2 ? old | i->source : old & ~i->source;
}

static void mark_csr(const struct vcpu *v, const struct csr_insn *i)
{
	bool counter = i->number >= CSR_CYCLE && i->number <= CSR_INSTRET;

	exit_mark(v, counter ? EXIT_TIME : EXIT_CSR);
}

void emulate_csr(struct vcpu *v, u32 insn)
{
	struct csr_insn i = decode_csr(v, insn);
	u64 old = 0;

	if (!vcsr_permitted(v, i.number, i.writes) || !vcsr_read(v, i.number, &old)) {
		emulate_illegal(v, insn);
		return;
	}
	mark_csr(v, &i);
	if (i.writes)
		vcsr_write(v, i.number, combine(&i, vcsr_software(v, i.number, old)));
	if (i.rd)
		v->x[i.rd] = old;
	retire(v, 4);
}
