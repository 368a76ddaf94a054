/* walk.c: translate a gva through the guest's own page tables, as its hardware would.
 *
 * The accessed and dirty bits are set in the guest's own tables (walk_commit), so
 * the guest sees them change exactly when it would on the bare machine.
 */
#include "core.h"

enum { LEVELS = 3, VPN_BITS = 9 };

u64 page_fault_cause(enum access access)
{
	static const u8 cause[] = {CAUSE_LOAD_PAGE_FAULT, CAUSE_STORE_PAGE_FAULT,
				   CAUSE_INSN_PAGE_FAULT};
	return cause[access];
}

u64 access_fault_cause(enum access access)
{
	static const u8 cause[] = {CAUSE_LOAD_ACCESS_FAULT, CAUSE_STORE_ACCESS_FAULT,
				   CAUSE_INSN_ACCESS_FAULT};
	return cause[access];
}

bool translating(const struct vcpu *v, u64 mode)
{
	return mode != PRIV_M && v->csr.satp & SATP_MODE;
}

static bool pte_malformed(u64 pte)
{
	return !(pte & PTE_V) || (pte & (PTE_R | PTE_W)) == PTE_W || pte & PTE_RESERVED;
}

static bool pte_is_leaf(u64 pte)
{
	return pte & (PTE_R | PTE_X);
}

static bool leaf_permits(const struct vcpu *v, u64 mode, u64 pte, enum access access)
{
	u64 status = v->csr.mstatus;

	if (mode == PRIV_U && !(pte & PTE_U))
		return false;
	if (mode != PRIV_U && pte & PTE_U && (access == ACCESS_FETCH || !(status & MSTATUS_SUM)))
		return false;
	if (access == ACCESS_FETCH)
		return pte & PTE_X;
	if (access == ACCESS_STORE)
		return pte & PTE_W;
	return pte & (status & MSTATUS_MXR ? PTE_R | PTE_X : PTE_R);
}

/* Everything that the shadow entry may allow until the next fence.  W waits for
 * D: the first store must come here, or D would not be set. */
static u64 leaf_perm(const struct vcpu *v, u64 mode, u64 pte)
{
	u64 perm = pte & (PTE_R | PTE_X);

	if (pte & PTE_X && v->csr.mstatus & MSTATUS_MXR)
		perm |= PTE_R;
	if (pte & PTE_D)
		perm |= pte & PTE_W;
	if (mode != PRIV_U && pte & PTE_U)
		perm &= ~(u64)PTE_X;
	return perm;
}

/* Page-table accesses are made as S, and only to RAM. */
static u64 *pte_pointer(struct vcpu *v, u64 gpa, u64 pmp)
{
	return pmp_allows(v, PRIV_S, gpa, 8, pmp) ? hal_ram(v->vm, gpa, 8) : NULL;
}

/* A leaf has been found: check it and combine it with gva. */
static u64 use_leaf(struct vcpu *v, u64 mode, u64 gva, enum access access, u64 pte,
		    struct translation *t)
{
	u64 low = (1ul << (VPN_BITS * t->level)) - 1;
	u64 offset = (1ul << (PAGE_SHIFT + VPN_BITS * t->level)) - 1;

	if (!leaf_permits(v, mode, pte, access) || pte >> PTE_PPN_SHIFT & low)
		return page_fault_cause(access);
	t->pte = pte;
	t->touched = pte | PTE_A | (access == ACCESS_STORE ? PTE_D : 0);
	t->gpa = (field(pte, PTE_PPN_SHIFT, 44) << PAGE_SHIFT & ~offset) | (gva & offset);
	t->perm = leaf_perm(v, mode, t->touched);
	return NO_FAULT;
}

/* The access is going to happen: set A and D in the guest's table. */
u64 walk_commit(struct vcpu *v, enum access access, const struct translation *t)
{
	u64 *slot;

	if (t->touched == t->pte)
		return NO_FAULT;
	slot = pte_pointer(v, t->pte_gpa, PMP_R | PMP_W);
	if (!slot)
		return access_fault_cause(access);
	*slot = t->touched;
	return NO_FAULT;
}

static u64 walk_tables(struct vcpu *v, u64 mode, u64 gva, enum access access,
		       struct translation *t)
{
	u64 table = (v->csr.satp & SATP_PPN) << PAGE_SHIFT;

	if (sign_extend(gva, 39) != (s64)gva)
		return page_fault_cause(access);
	for (int level = LEVELS - 1; level >= 0; level--) {
		u64 index = field(gva, PAGE_SHIFT + VPN_BITS * level, VPN_BITS);
		u64 gpa = table + 8 * index;
		u64 *slot = pte_pointer(v, gpa, PMP_R);

		if (!slot)
			return access_fault_cause(access);
		if (pte_malformed(*slot))
			return page_fault_cause(access);
		if (pte_is_leaf(*slot)) {
			t->level = level;
			t->pte_gpa = gpa;
			return use_leaf(v, mode, gva, access, *slot, t);
		}
		if (*slot & (PTE_A | PTE_D | PTE_U))
			return page_fault_cause(access);
		table = field(*slot, PTE_PPN_SHIFT, 44) << PAGE_SHIFT;
	}
	return page_fault_cause(access);
}

/* Translate for an access with the rights of a mode.  NO_FAULT, or the exception
 * that the guest must take. */
u64 walk(struct vcpu *v, u64 mode, u64 gva, enum access access, struct translation *t)
{
	if (translating(v, mode))
		return walk_tables(v, mode, gva, access, t);
	*t = (struct translation){.gpa = gva, .perm = PTE_R | PTE_W | PTE_X};
	return NO_FAULT;
}
