/* space.c: the address space of a process: regions, and pages on demand.
 *
 * A region says what a process may use; a page gets its memory, zero-filled,
 * when it is first touched, by the process or by the kernel on its behalf.
 * Every change of a page-table entry is followed by its fence. */
#include "../lib/elf.h"
#include "../lib/string.h"
#include "kernel.h"

static struct region *find_region(struct process *p, u64 va)
{
	for (u32 i = 0; i < MAX_REGIONS; i++)
		if (va >= p->regions[i].start && va < p->regions[i].end)
			return &p->regions[i];
	return NULL;
}

static struct region *add_region(struct process *p, u64 start, u64 end, u64 rights)
{
	for (u32 i = 0; i < MAX_REGIONS; i++)
		if (p->regions[i].end == 0) {
			p->regions[i] = (struct region){start, end, rights};
			return &p->regions[i];
		}
	return NULL;
}

static bool add_page(struct process *p, u64 va, u64 *entry, u64 rights)
{
	void *page = page_alloc();

	if (page == NULL)
		return false;
	*entry = paging_leaf(page, rights);
	sfence_page(va, p->asid);
	return true;
}

/* The entry of a page that is there and allows the access.  A machine that does
 * not set A and D itself faults for them: so set them here. */
static bool may_access(struct process *p, u64 va, u64 *entry, u64 access)
{
	u64 bits = PTE_A | (access == PTE_W ? PTE_D : 0);

	if (!(*entry & access))
		return false;
	if ((*entry & bits) != bits) {
		*entry |= bits;
		sfence_page(va, p->asid);
	}
	return true;
}

/* Make an access (PTE_R, PTE_W or PTE_X) possible; false: it is not allowed. */
bool space_touch(struct process *p, u64 va, u64 access)
{
	struct region *region = find_region(p, va);
	u64 *entry;

	if (region == NULL || !(region->rights & access))
		return false;
	entry = paging_entry(p->root, va);
	if (entry == NULL)
		return false;
	if (*entry & PTE_V)
		return may_access(p, va, entry, access);
	return add_page(p, va, entry, region->rights);
}

/* The kernel's own pointer to what the process has at va, up to the page's end.
 * Going through the page table needs no right to touch user pages (SUM), and a
 * bad address is an answer rather than a trap. */
void *space_pointer(struct process *p, u64 va, u64 access)
{
	u64 *entry;

	if (!space_touch(p, va, access))
		return NULL;
	entry = paging_entry(p->root, va);
	return (u8 *)(*entry >> PTE_PPN_SHIFT << 12) + va % PAGE_SIZE;
}

u64 space_grow(struct process *p, u64 bytes)
{
	u64 start = p->heap->end;

	if (bytes > USER_HEAP_END - start)
		return SYS_ERROR;
	p->heap->end += (bytes + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	return start;
}

static bool protect_page(struct process *p, u64 va, bool writable)
{
	u64 *entry;

	if (find_region(p, va) != p->heap || !space_touch(p, va, PTE_R))
		return false;
	entry = paging_entry(p->root, va);
	*entry = writable ? *entry | PTE_W : *entry & ~(u64)PTE_W;
	sfence_page(va, p->asid);
	return true;
}

/* Only for the heap.  Stops at the first page that cannot be changed. */
bool space_protect(struct process *p, u64 va, u64 pages, bool writable)
{
	for (; pages > 0; pages--, va += PAGE_SIZE)
		if (!protect_page(p, va, writable))
			return false;
	return true;
}

/* Copy what the file holds of a segment; the rest will be zero when touched. */
static bool load_bytes(struct process *p, const struct elf_segment *segment)
{
	u64 done = 0;

	while (done < segment->file_size) {
		u64 part = segment->file_size - done;
		u64 va = segment->vaddr + done;
		u64 *entry = paging_entry(p->root, va);

		if (entry == NULL || !add_page(p, va, entry, find_region(p, va)->rights))
			return false;
		if (part > PAGE_SIZE)
			part = PAGE_SIZE;
		memcpy((void *)(*entry >> PTE_PPN_SHIFT << 12), segment->data + done, part);
		done += part;
	}
	return true;
}

static const char *load_segment(struct process *p, const struct elf_segment *segment)
{
	u64 end = (segment->vaddr + segment->memory_size + PAGE_SIZE - 1) & ~(PAGE_SIZE - 1);
	u64 rights = 0;

	if (segment->vaddr % PAGE_SIZE != 0)
		return "a segment does not start on a page";
	if (segment->vaddr < USER_BASE || end > USER_HEAP)
		return "a segment lies outside the program's part of the address space";
	if (segment->flags & ELF_R)
		rights |= PTE_R;
	if (segment->flags & ELF_W)
		rights |= PTE_R | PTE_W; /* writable without readable is reserved */
	if (segment->flags & ELF_X)
		rights |= PTE_X;
	if (add_region(p, segment->vaddr, end, rights) == NULL)
		return "too many segments";
	return load_bytes(p, segment) ? NULL : "out of memory";
}

/* Program, stack and an empty heap; NULL, or what is wrong. */
const char *space_load(struct process *p, const void *image, u64 size)
{
	struct elf_segment segment;
	struct elf elf;
	u32 index = 0;
	const char *error = elf_open(&elf, image, size);

	add_region(p, USER_STACK_TOP - USER_STACK_SIZE, USER_STACK_TOP, PTE_R | PTE_W);
	p->heap = add_region(p, USER_HEAP, USER_HEAP, PTE_R | PTE_W);
	while (error == NULL && elf_next(&elf, &index, &segment))
		error = load_segment(p, &segment);
	if (error == NULL)
		p->frame[REG_PC] = elf.entry;
	fence_i(); /* instructions have been written */
	return error;
}
