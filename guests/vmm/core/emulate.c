/* emulate.c: privileged instructions, which all trap because the guest runs in real U.
 *
 * An instruction that the bare machine would refuse in the virtual mode is
 * reflected as an illegal instruction, like any that nobody knows.
 */
#include "core.h"

enum {
	OPCODE_SYSTEM = 0x73,
	INSN_SRET = 0x10200073,
	INSN_MRET = 0x30200073,
	INSN_WFI = 0x10500073,
};

void retire(struct vcpu *v, u32 length)
{
	v->pc += length;
	v->instret++;
	v->cycle++;
}

void emulate_illegal(struct vcpu *v, u32 insn)
{
	exit_mark(v, EXIT_EXCEPTION);
	trap_deliver(v, CAUSE_ILLEGAL_INSN, insn);
}

/* Does a trap bit of mstatus forbid it to S?  U is always refused. */
static bool allowed(const struct vcpu *v, u64 trap_bit)
{
	return v->mode == PRIV_M || (v->mode == PRIV_S && !(v->csr.mstatus & trap_bit));
}

static void emulate_xret(struct vcpu *v, bool machine)
{
	exit_mark(v, machine ? EXIT_MRET : EXIT_SRET);
	retire(v, 4);
	if (machine)
		trap_mret(v);
	else
		trap_sret(v);
}

static void emulate_wfi(struct vcpu *v)
{
	exit_mark(v, EXIT_WFI);
	interrupt_wait(v);
	if (!v->vm->ended)
		retire(v, 4);
}

static bool is_sfence_vma(u32 insn)
{
	return (insn & 0xfe007fff) == 0x12000073;
}

static void emulate_sfence(struct vcpu *v, u32 insn)
{
	u32 rs1 = field(insn, 15, 5), rs2 = field(insn, 20, 5);
	u64 asid = field(v->x[rs2], 0, ASID_BITS);

	exit_mark(v, EXIT_SFENCE);
	shadow_fence(v->vm, rs1 ? &v->x[rs1] : NULL, rs2 ? &asid : NULL);
	retire(v, 4);
}

static void emulate_system(struct vcpu *v, u32 insn)
{
	if (insn == INSN_MRET && v->mode == PRIV_M)
		emulate_xret(v, true);
	else if (insn == INSN_SRET && allowed(v, MSTATUS_TSR))
		emulate_xret(v, false);
	else if (insn == INSN_WFI && allowed(v, MSTATUS_TW))
		emulate_wfi(v);
	else if (is_sfence_vma(insn) && allowed(v, MSTATUS_TVM))
		emulate_sfence(v, insn);
	else
		emulate_illegal(v, insn);
}

/* An illegal-instruction exit. */
void emulate_exit(struct vcpu *v)
{
	u32 insn = v->exit.tval;

	/* Hardware may leave tval 0; ours holds the bits. */
	if (!insn && !insn_fetch(v, &insn)) {
		exit_mark(v, EXIT_OTHER);
		return;
	}
	if ((insn & 0x7f) != OPCODE_SYSTEM)
		emulate_illegal(v, insn);
	else if (field(insn, 12, 2))
		emulate_csr(v, insn);
	else if (field(insn, 12, 3) == 0)
		emulate_system(v, insn);
	else
		emulate_illegal(v, insn);
}
