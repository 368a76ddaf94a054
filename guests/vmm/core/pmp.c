/* pmp.c: the virtual physical memory protection.
 *
 * Shadow entries are pages, so a page is given as a whole or not at all; walk.c
 * and fault.c ask for single accesses, too.  No entry is ever locked, hence M is
 * never restrained.
 */
#include "core.h"

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

/* The first entry that matches any byte decides; it must match all of them. */
static bool decide(const struct vcpu *v, u64 start, u64 end, u64 *perm)
{
	for (u32 i = 0; i < PMP_ENTRIES; i++) {
		struct region r = region_of(&v->csr, i);

		if (r.start >= r.end || end <= r.start || r.end <= start)
			continue;
		*perm = v->csr.pmpcfg[i] & (PMP_R | PMP_W | PMP_X);
		return r.start <= start && end <= r.end;
	}
	*perm = 0;
	return true;
}

/* May this mode make an access that needs `perm` (PMP_R, PMP_W, PMP_X)? */
bool pmp_allows(const struct vcpu *v, u64 mode, u64 gpa, u64 size, u64 perm)
{
	u64 granted;

	if (mode == PRIV_M)
		return true;
	return decide(v, gpa, gpa + size, &granted) && (granted & perm) == perm;
}

/* What a mode may do with every byte of a page; false if that differs inside it. */
bool pmp_page(const struct vcpu *v, u64 mode, u64 gpa, u64 *perm)
{
	u64 page = gpa & ~(u64)(PAGE_SIZE - 1);

	*perm = PMP_R | PMP_W | PMP_X;
	return mode == PRIV_M || decide(v, page, page + PAGE_SIZE, perm);
}
