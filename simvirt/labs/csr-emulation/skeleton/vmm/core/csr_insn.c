/* csr_insn.c: csrrw, csrrs, csrrc and their immediate forms, as the bare machine executes them.
 *
 * Which CSRs there are, who may touch them and which bits a write changes is
 * csr.c's to say; here is the order of the steps.  Nothing may have changed when
 * the instruction is refused.
 */
#include "core.h"

/* Yours: decode the instruction, ask csr.c, write rd, go on or refuse. */
void emulate_csr(struct vcpu *v, u32 insn)
{
	vm_die(v, VM_FAULT_CANNOT_EMULATE, insn, "CSR instructions are not written yet");
}
