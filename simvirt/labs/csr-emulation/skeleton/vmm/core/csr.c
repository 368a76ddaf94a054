/* csr.c: the virtual CSR file: who may access what, what is read, what a write leaves.
 *
 * Masks come from the table of the ISA (<isa.h>).  Most CSRs are plain storage;
 * the others are views, counters, or have rules of their own.
 */
#include "core.h"

enum { PMP_REGISTERS = 64, COUNTERS = 32, FIRST_HPM = 3 };

/* Yours: may the current mode read, or write, this CSR?  Three things forbid it: the
 * mode in bits 9:8 of the number, a write when bits 11:10 are 3, and the enable
 * bits (mstatus.TVM for satp; mcounteren, scounteren and menvcfg.STCE). */
bool vcsr_permitted(const struct vcpu *v, u32 number, bool write)
{
	(void)v;
	(void)number;
	(void)write;
	return true;
}

/* CSRs that hold what was written, within a mask.  Yours: the masks of those that have
 * read-only bits (<isa.h> has them: MIE_WRITABLE and so on). */
static u64 *plain(struct csr_file *c, u32 number, u64 *writable)
{
	*writable = ~0ul;
	switch (number) {
	case CSR_MSCRATCH: return &c->mscratch;
	case CSR_MCAUSE: return &c->mcause;
	case CSR_MTVAL: return &c->mtval;
	case CSR_SSCRATCH: return &c->sscratch;
	case CSR_SCAUSE: return &c->scause;
	case CSR_STVAL: return &c->stval;
	case CSR_STIMECMP: return &c->stimecmp;
	case CSR_MEPC: return &c->mepc;
	case CSR_SEPC: return &c->sepc;
	case CSR_MIE: return &c->mie;
	case CSR_MEDELEG: return &c->medeleg;
	case CSR_MIDELEG: return &c->mideleg;
	case CSR_MCOUNTEREN: return &c->mcounteren;
	case CSR_SCOUNTEREN: return &c->scounteren;
	case CSR_MENVCFG: return &c->menvcfg;
	case CSR_SENVCFG: return &c->senvcfg;
	}
	return NULL;
}

/* CSRs that exist and always read 0. */
static bool reads_zero(u32 n)
{
	return n == CSR_MVENDORID || n == CSR_MARCHID || n == CSR_MIMPID || n == CSR_MCONFIGPTR ||
	       n == CSR_MCOUNTINHIBIT ||
	       (n > CSR_PMPCFG0 && n < CSR_PMPCFG0 + 16 && n % 2 == 0) ||
	       (n >= CSR_PMPADDR0 + PMP_ENTRIES && n < CSR_PMPADDR0 + PMP_REGISTERS) ||
	       (n >= CSR_MCYCLE + FIRST_HPM && n < CSR_MCYCLE + COUNTERS) ||
	       (n >= CSR_MCOUNTINHIBIT + FIRST_HPM && n < CSR_MCOUNTINHIBIT + COUNTERS) ||
	       (n >= CSR_CYCLE + FIRST_HPM && n < CSR_CYCLE + COUNTERS);
}

static bool is_pmpaddr(u32 number)
{
	return number >= CSR_PMPADDR0 && number < CSR_PMPADDR0 + PMP_ENTRIES;
}

static u64 pmpcfg_read(const struct csr_file *c)
{
	u64 value;

	memcpy(&value, c->pmpcfg, sizeof value);
	return value;
}

static u64 pending_now(struct vcpu *v)
{
	timer_update(v);
	return interrupt_pending(v);
}

/* Yours: sstatus, sie and sip, which are views of mstatus, mie and mip. */
static bool special_read(struct vcpu *v, u32 number, u64 *value)
{
	struct csr_file *c = &v->csr;

	switch (number) {
	case CSR_MSTATUS: *value = c->mstatus; return true;
	case CSR_MIP: *value = pending_now(v); return true;
	case CSR_STVEC: *value = c->stvec; return true;
	case CSR_MTVEC: *value = c->mtvec; return true;
	case CSR_SATP: *value = c->satp; return true;
	case CSR_MISA: *value = MISA_VALUE; return true;
	case CSR_MHARTID: *value = v->id; return true;
	case CSR_PMPCFG0: *value = pmpcfg_read(c); return true;
	case CSR_CYCLE:
	case CSR_MCYCLE: *value = v->cycle + c->cycle_offset; return true;
	case CSR_INSTRET:
	case CSR_MINSTRET: *value = v->instret + c->instret_offset; return true;
	case CSR_TIME: *value = vm_time(v->vm); return true;
	}
	return false;
}

/* False: there is no such CSR. */
bool vcsr_read(struct vcpu *v, u32 number, u64 *value)
{
	u64 writable, *storage = plain(&v->csr, number, &writable);

	*value = 0;
	if (storage)
		*value = *storage;
	else if (is_pmpaddr(number))
		*value = v->csr.pmpaddr[number - CSR_PMPADDR0];
	else
		return special_read(v, number, value) || reads_zero(number);
	return true;
}

/* What csrrs and csrrc start from.  mip.SEIP reads as the OR of software's bit
 * and the PLIC's line, but only software's bit is written back. */
u64 vcsr_software(struct vcpu *v, u32 number, u64 value)
{
	if (number == CSR_MIP)
		value = (value & ~MIP_SEIP) | (v->csr.mip & MIP_SEIP);
	return value;
}

static u64 merge(u64 old, u64 new, u64 mask)
{
	return (old & ~mask) | (new & mask);
}

/* MPP = 2 is reserved: such a write keeps the old MPP.  Yours. */
static void mstatus_write(struct csr_file *c, u64 value, u64 mask)
{
	c->mstatus = merge(c->mstatus, value, mask);
}

/* MODE 2 and 3 are reserved: such a write keeps the old mode. */
static u64 legal_tvec(u64 old, u64 new)
{
	return new & 2 ? (new & MTVEC_BASE) | (old & 1) : new;
}

/* A write with another MODE than Bare and Sv39 has no effect at all. */
static void satp_write(struct csr_file *c, u64 value)
{
	u64 mode = value & SATP_MODE;

	if (mode == 0 || mode == SATP_SV39)
		c->satp = value & SATP_WRITABLE;
}

/* STIP is read-only while stimecmp makes it. */
static u64 mip_writable(const struct csr_file *c)
{
	return c->menvcfg & MENVCFG_STCE ? MIP_WRITABLE & ~MIP_STIP : MIP_WRITABLE;
}

/* False: not one of these.  Yours: sstatus, sie and sip. */
static bool special_write(struct vcpu *v, u32 number, u64 value)
{
	struct csr_file *c = &v->csr;

	switch (number) {
	case CSR_MSTATUS: mstatus_write(c, value, MSTATUS_WRITABLE); return true;
	case CSR_MIP: c->mip = merge(c->mip, value, mip_writable(c)); return true;
	case CSR_STVEC: c->stvec = legal_tvec(c->stvec, value); return true;
	case CSR_MTVEC: c->mtvec = legal_tvec(c->mtvec, value); return true;
	case CSR_SATP: satp_write(c, value); return true;
	case CSR_PMPCFG0: pmp_configure(v, value); return true;
	/* The next instruction reads what is written: this one still counts. */
	case CSR_MCYCLE: c->cycle_offset = value - (v->cycle + 1); return true;
	case CSR_MINSTRET: c->instret_offset = value - (v->instret + 1); return true;
	case CSR_MISA: return true;
	}
	return false;
}

/* False: there is no such CSR. */
bool vcsr_write(struct vcpu *v, u32 number, u64 value)
{
	u64 writable, *storage = plain(&v->csr, number, &writable);

	if (storage) {
		*storage = merge(*storage, value, writable) & writable;
		if (number == CSR_STIMECMP || number == CSR_MENVCFG)
			timer_update(v);
		return true;
	}
	if (is_pmpaddr(number)) {
		pmp_set_address(v, number - CSR_PMPADDR0, value);
		return true;
	}
	return special_write(v, number, value) || reads_zero(number);
}
