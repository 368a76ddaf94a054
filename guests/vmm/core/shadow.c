/* shadow.c: which shadow roots and entries exist, and when they must go.
 *
 * Synchronization is lazy and driven by fences: like a TLB, the shadow may lag
 * behind the guest's tables until the guest executes sfence.vma.  A root belongs
 * to one satp value and one kind of access (mode, SUM, MXR), so changes of those
 * take effect at once and an old root is found again when its process returns.
 *
 * Entries are remembered in sets of four ways, replaced in turn: an instruction
 * needs at most four pages (two of code, two of data), so it always gets done.
 */
#include "core.h"

static enum root_kind kind_of(const struct vcpu *v)
{
	u64 status = v->csr.mstatus;

	if (v->mode == PRIV_M)
		return mprv_active(v) ? ROOT_M_MPRV : ROOT_M;
	if (!translating(v, v->mode))
		return ROOT_BARE;
	if (v->mode == PRIV_U)
		return status & MSTATUS_MXR ? ROOT_U_MXR : ROOT_U;
	if (status & MSTATUS_MXR)
		return status & MSTATUS_SUM ? ROOT_S_SUM_MXR : ROOT_S_MXR;
	return status & MSTATUS_SUM ? ROOT_S_SUM : ROOT_S;
}

static void drop_root(struct vm *vm, int root)
{
	struct shadow_root *r = &vm->root[root];

	if (!r->filled)
		return;
	r->filled = 0;
	r->spans = 0;
	if (++r->generation == 0) { /* wrapped: old entries would look new */
		memset(r->entry, 0, sizeof r->entry);
		r->generation = 1;
	}
	hal_unmap(vm, root, 0, 0);
}

static int find_root(struct vm *vm, u64 satp, u8 kind, int likely)
{
	if (vm->root[likely].kind == kind && vm->root[likely].satp == satp)
		return likely;
	for (int i = 0; i < HAL_ROOTS; i++)
		if (vm->root[i].kind == kind && vm->root[i].satp == satp)
			return i;
	return -1;
}

/* A free root, or else the one not used for the longest time. */
static int replace_root(struct vm *vm, u64 satp, u8 kind)
{
	int oldest = 0;

	for (int i = 1; i < HAL_ROOTS; i++)
		if (vm->root[i].used < vm->root[oldest].used)
			oldest = i;
	drop_root(vm, oldest);
	vm->root[oldest].satp = satp;
	vm->root[oldest].kind = kind;
	if (!vm->root[oldest].generation)
		vm->root[oldest].generation = 1;
	return oldest;
}

/* The root under which the vCPU must run in its present state. */
int shadow_select(struct vcpu *v)
{
	enum root_kind kind = kind_of(v);
	u64 satp = kind > ROOT_BARE ? v->csr.satp : 0;
	int root = find_root(v->vm, satp, kind, v->root);

	if (root < 0)
		root = replace_root(v->vm, satp, kind);
	v->vm->root[root].used = ++v->vm->root_clock;
	v->root = root;
	return root;
}

static u32 vpn_of(u64 gva)
{
	return field(gva, PAGE_SHIFT, 27);
}

static u64 gva_of(u32 vpn)
{
	return sign_extend((u64)vpn << PAGE_SHIFT, 39);
}

static u32 set_of(u32 vpn)
{
	return (vpn ^ vpn >> 9 ^ vpn >> 18) % SHADOW_SETS;
}

static struct shadow_entry *find_entry(struct shadow_root *r, u32 vpn)
{
	struct shadow_entry *set = r->entry[set_of(vpn)];

	for (int way = 0; way < SHADOW_WAYS; way++)
		if (set[way].generation == r->generation && set[way].vpn == vpn)
			return &set[way];
	return NULL;
}

/* Where the vCPU's present root maps gva. */
bool shadow_find(const struct vcpu *v, u64 gva, u64 *gpa)
{
	struct shadow_entry *e = find_entry(&v->vm->root[v->root], vpn_of(gva));

	if (e && gva_of(e->vpn) == (gva & ~(u64)(PAGE_SIZE - 1)))
		*gpa = BOARD_RAM + ((u64)e->page << PAGE_SHIFT) + gva % PAGE_SIZE;
	else
		e = NULL;
	return e;
}

static void forget(struct vm *vm, int root, struct shadow_entry *e)
{
	e->generation = 0;
	hal_unmap(vm, root, gva_of(e->vpn), PAGE_SIZE);
}

/* The entry to use for vpn: its own, or the next victim of its set. */
static struct shadow_entry *take_entry(struct vm *vm, int root, u32 vpn)
{
	struct shadow_root *r = &vm->root[root];
	struct shadow_entry *e = find_entry(r, vpn);
	u32 set = set_of(vpn);

	if (e)
		return e;
	e = &r->entry[set][r->victim[set]++ % SHADOW_WAYS];
	if (e->generation == r->generation)
		forget(vm, root, e);
	return e;
}

/* Remember the superpages of which parts are shadowed: a fence for any address
 * in one concerns all of its parts. */
static void note_superpage(struct vm *vm, int root, u64 gva, u8 level)
{
	struct shadow_root *r = &vm->root[root];
	u64 span = (gva & ~((1ul << (PAGE_SHIFT + 9 * level)) - 1)) | level;

	for (int i = 0; i < r->spans; i++)
		if (r->span[i] == span)
			return;
	if (r->spans == SHADOW_SPANS) /* no room: forget them all with their parts */
		drop_root(vm, root);
	r->span[r->spans++] = span;
}

/* Shadow the page of gva; false if the placement has no room for it. */
bool shadow_fill(struct vcpu *v, u64 gva, const struct translation *t)
{
	u64 page = gva & ~(u64)(PAGE_SIZE - 1), gpa = t->gpa & ~(u64)(PAGE_SIZE - 1);
	struct shadow_root *r = &v->vm->root[v->root];
	struct shadow_entry *e;

	if (t->level)
		note_superpage(v->vm, v->root, gva, t->level);
	r->filled++;
	if (!hal_map(v->vm, v->root, page, gpa, t->perm)) {
		drop_root(v->vm, v->root);
		if (t->level)
			note_superpage(v->vm, v->root, gva, t->level);
		r->filled++;
		if (!hal_map(v->vm, v->root, page, gpa, t->perm))
			return false;
	}
	e = take_entry(v->vm, v->root, vpn_of(gva));
	*e = (struct shadow_entry){vpn_of(gva), (gpa - BOARD_RAM) >> PAGE_SHIFT, r->generation,
				   t->perm, t->level};
	return true;
}

static bool in_shadowed_superpage(const struct shadow_root *r, u64 gva)
{
	for (int i = 0; i < r->spans; i++) {
		u64 level = r->span[i] % PAGE_SIZE, size = 1ul << (PAGE_SHIFT + 9 * level);

		if (gva - (r->span[i] - level) < size)
			return true;
	}
	return false;
}

static void fence_root(struct vm *vm, int root, const u64 *gva)
{
	struct shadow_root *r = &vm->root[root];
	struct shadow_entry *e;

	if (!gva || in_shadowed_superpage(r, *gva)) {
		drop_root(vm, root);
		return;
	}
	e = find_entry(r, vpn_of(*gva));
	if (e)
		forget(vm, root, e);
}

/* sfence.vma: NULL stands for "all".  Global entries of the address space go as
 * well: to drop more than asked is always allowed. */
void shadow_fence(struct vm *vm, const u64 *gva, const u64 *asid)
{
	for (int i = 0; i < HAL_ROOTS; i++) {
		struct shadow_root *r = &vm->root[i];

		if (r->kind <= ROOT_BARE || !r->filled)
			continue;
		if (!asid || *asid == field(r->satp, SATP_ASID_SHIFT, ASID_BITS))
			fence_root(vm, i, gva);
	}
}

/* The virtual PMP has changed: all that depended on it goes; virtual M only if locks bind it. */
void shadow_drop_protected(struct vm *vm, bool m_too)
{
	for (int i = 0; i < HAL_ROOTS; i++)
		if (m_too || vm->root[i].kind >= ROOT_BARE)
			drop_root(vm, i);
}
