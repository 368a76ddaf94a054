/* walk.c: translate a gva through the guest's own page tables, as its hardware would.
 *
 * Sets the accessed and dirty bits in the guest's tables, so that the guest
 * sees them change exactly when it would on the bare machine.
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

/* The entry at pte_gpa is a leaf: check it, mark it as used, combine it with gva. */
static u64 use_leaf(struct vcpu *v, u64 mode, u64 gva, enum access access, u64 pte_gpa,
		    struct translation *t)
{
	u64 *slot = pte_pointer(v, pte_gpa, PMP_R);
	u64 pte = *slot, low = (1ul << (VPN_BITS * t->level)) - 1;
	u64 touched = pte | PTE_A | (access == ACCESS_STORE ? PTE_D : 0);
	u64 offset = (1ul << (PAGE_SHIFT + VPN_BITS * t->level)) - 1;

	if (!leaf_permits(v, mode, pte, access) || pte >> PTE_PPN_SHIFT & low)
		return page_fault_cause(access);
	if (touched != pte) {
		if (!pte_pointer(v, pte_gpa, PMP_R | PMP_W))
			return access_fault_cause(access);
		*slot = touched;
	}
	t->gpa = (field(pte, PTE_PPN_SHIFT, 44) << PAGE_SHIFT & ~offset) | (gva & offset);
	t->perm = leaf_perm(v, mode, touched);
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
			return use_leaf(v, mode, gva, access, gpa, t);
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
	t->gpa = gva;
	t->perm = PTE_R | PTE_W | PTE_X;
	t->level = 0;
	return NO_FAULT;
}
