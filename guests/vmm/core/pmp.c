/* pmp.c: the virtual physical memory protection.
 *
 * Shadow entries are pages, so a page is given as a whole or not at all; walk.c
 * and fault.c ask for single accesses, too.  M is restrained by locked entries.
 */
#include "core.h"

enum { PMPADDR_BITS = 54 };

struct region {
	u64 start, end; /* end is exclusive; empty when start >= end */
};

static struct region region_of(const struct csr_file *c, u32 i)
{
	u64 addr = c->pmpaddr[i], ones = addr ^ (addr + 1);
	u64 below = i ? c->pmpaddr[i - 1] << 2 : 0;

	switch (c->pmpcfg[i] & PMP_NAPOT) {
	case PMP_TOR:
		return (struct region){below, addr << 2};
	case PMP_NA4:
		return (struct region){addr << 2, (addr << 2) + 4};
	case PMP_NAPOT:
		return (struct region){(addr & ~ones) << 2, ((addr & ~ones) + ones + 1) << 2};
	}
	return (struct region){0, 0};
}

/* Is any entry locked? */
static bool binds_m(const struct csr_file *c)
{
	for (u32 i = 0; i < PMP_ENTRIES; i++)
		if (c->pmpcfg[i] & PMP_L)
			return true;
	return false;
}

/* What an entry grants: M is bound by locked ones only. */
static u64 granted_by(const struct csr_file *c, u32 i, u64 mode)
{
	if (mode == PRIV_M && !(c->pmpcfg[i] & PMP_L))
		return PMP_R | PMP_W | PMP_X;
	return c->pmpcfg[i] & (PMP_R | PMP_W | PMP_X);
}

/* The first entry that matches any byte decides; it must match all of them. */
static bool decide(const struct csr_file *c, u64 mode, u64 start, u64 end, u64 *perm)
{
	for (u32 i = 0; i < PMP_ENTRIES; i++) {
		struct region r = region_of(c, i);

		if (r.start >= r.end || end <= r.start || r.end <= start)
			continue;
		*perm = granted_by(c, i, mode);
		return r.start <= start && end <= r.end;
	}
	*perm = mode == PRIV_M ? PMP_R | PMP_W | PMP_X : 0;
	return true;
}

/* May this mode make an access that needs `perm` (PMP_R, PMP_W, PMP_X)? */
bool pmp_allows(const struct vcpu *v, u64 mode, u64 gpa, u64 size, u64 perm)
{
	u64 granted;

	return decide(&v->csr, mode, gpa, gpa + size, &granted) && (granted & perm) == perm;
}

/* What a mode may do with every byte of a page; false if that differs inside it. */
bool pmp_page(const struct vcpu *v, u64 mode, u64 gpa, u64 *perm)
{
	u64 page = gpa & ~(u64)(PAGE_SIZE - 1);

	*perm = PMP_R | PMP_W | PMP_X;
	if (mode == PRIV_M && !binds_m(&v->csr))
		return true;
	return decide(&v->csr, mode, page, page + PAGE_SIZE, perm);
}

/* A locked entry keeps what it is until reset.  W without R is reserved and becomes neither. */
void pmp_configure(struct vcpu *v, u64 value)
{
	for (u32 i = 0; i < PMP_ENTRIES; i++) {
		u8 cfg = value >> 8 * i & (PMP_L | PMP_NAPOT | PMP_R | PMP_W | PMP_X);

		if (!(v->csr.pmpcfg[i] & PMP_L))
			v->csr.pmpcfg[i] = cfg & PMP_R ? cfg : cfg & ~PMP_W;
	}
	shadow_drop_protected(v->vm, binds_m(&v->csr));
}

/* An address is locked by its own entry, and as the base of a locked range above it. */
void pmp_set_address(struct vcpu *v, u32 i, u64 value)
{
	u8 above = i + 1 < PMP_ENTRIES ? v->csr.pmpcfg[i + 1] & (PMP_L | PMP_NAPOT) : 0;

	if (v->csr.pmpcfg[i] & PMP_L || above == (PMP_L | PMP_TOR))
		return;
	v->csr.pmpaddr[i] = field(value, 0, PMPADDR_BITS);
	shadow_drop_protected(v->vm, binds_m(&v->csr));
}
