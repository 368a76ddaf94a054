/* vm_pages.c: Sv39 page tables, and memory seen through a process's own. */
#include "../../lib/string.h"
#include "proc.h"

enum { TABLE_ENTRIES = 512 };

static pagetable kernel_root;

static u64 pte_address(u64 pte)
{
	return (pte >> PTE_PPN_SHIFT & ((1UL << 44) - 1)) << 12;
}

static u64 make_pte(u64 pa, u64 flags)
{
	return pa >> 12 << PTE_PPN_SHIFT | flags | PTE_V;
}

static bool is_leaf(u64 pte)
{
	return (pte & (PTE_R | PTE_W | PTE_X)) != 0;
}

static u64 index_of(u64 va, int level)
{
	return va >> (12 + 9 * level) & (TABLE_ENTRIES - 1);
}

u64 satp_of(pagetable root, u64 asid)
{
	return SATP_SV39 | asid << SATP_ASID_SHIFT | (u64)root >> 12;
}

/* The entry for va in the table of a level (0: 4 KiB pages), making the tables
 * above it if asked to.  NULL: not there, no memory, or a larger page instead. */
u64 *table_entry(pagetable root, u64 va, int level, bool create)
{
	pagetable table = root;

	for (int l = 2; l > level; l--) {
		u64 *entry = &table[index_of(va, l)];

		if (!(*entry & PTE_V)) {
			void *page = create ? page_alloc() : NULL;

			if (page == NULL)
				return NULL;
			*entry = make_pte((u64)page, 0);
		} else if (is_leaf(*entry)) {
			return NULL;
		}
		table = (pagetable)pte_address(*entry);
	}
	return &table[index_of(va, level)];
}

bool map_page(pagetable root, u64 va, u64 pa, u64 flags)
{
	u64 *entry = table_entry(root, va, 0, true);

	if (entry == NULL)
		return false;
	*entry = make_pte(pa, flags | PTE_A | PTE_D);
	return true;
}

/* Map a range with the largest pages that fit. */
bool map_range(pagetable root, u64 va, u64 pa, u64 size, u64 flags)
{
	for (u64 done = 0; done < size;) {
		bool mega = ((va + done) | (pa + done)) % MEGA_SIZE == 0 && size - done >= MEGA_SIZE;
		u64 *entry = table_entry(root, va + done, mega ? 1 : 0, true);

		if (entry == NULL)
			return false;
		*entry = make_pte(pa + done, flags | PTE_A | PTE_D);
		done += mega ? MEGA_SIZE : PAGE_SIZE;
	}
	return true;
}

/* Make every page of the upper half the guest trap page: one table of 512 equal
 * entries, and one above it whose entries all lead there. */
static bool map_trap_window(pagetable root)
{
	pagetable low = page_alloc(), middle = page_alloc();

	if (low == NULL || middle == NULL)
		return false;
	for (int i = 0; i < TABLE_ENTRIES; i++) {
		low[i] = make_pte((u64)guest_trap_page, PTE_R | PTE_X | PTE_A | PTE_D);
		middle[i] = make_pte((u64)low, 0);
	}
	for (u64 i = index_of(UPPER_HALF, 2); i < TABLE_ENTRIES; i++)
		root[i] = make_pte((u64)middle, 0);
	return true;
}

static bool map_identity(u64 from, u64 to, u64 flags)
{
	return map_range(kernel_root, from, from, to - from, flags);
}

/* The kernel's own half of every address space, which user_root copies. */
void paging_init(void)
{
	u64 text = (u64)text_end, rodata = (u64)rodata_end;
	u64 ram_end = platform.ram.base + platform.ram.size;
	u64 uarts_end = BOARD_VM_UART(MAX_VMS);

	kernel_root = page_alloc();
	if (kernel_root == NULL || ram_end > RUN_PAGE_VA ||
	    !map_identity(BOARD_RAM, text, PTE_R | PTE_X) ||
	    !map_identity(text, rodata, PTE_R) ||
	    !map_identity(rodata, ram_end & -PAGE_SIZE, PTE_R | PTE_W) ||
	    !map_identity(BOARD_FINISHER, BOARD_FINISHER + PAGE_SIZE, PTE_R | PTE_W) ||
	    !map_identity(BOARD_PLIC, BOARD_PLIC + 2 * MEGA_SIZE, PTE_R | PTE_W) ||
	    !map_identity(BOARD_UART0, uarts_end, PTE_R | PTE_W) ||
	    !map_trap_window(kernel_root))
		panic("this machine's RAM of %lx bytes is too small or too large", platform.ram.size);
	csr_write(CSR_SATP, satp_of(kernel_root, 0));
	sfence_all();
}

pagetable user_root(void)
{
	pagetable root = page_alloc();

	if (root != NULL)
		memcpy(root, kernel_root, PAGE_SIZE);
	return root;
}

/* Free the tables below and including `root`, but no page that they map. */
void free_tables(pagetable root, int level)
{
	for (int i = 0; level > 0 && i < TABLE_ENTRIES; i++)
		if ((root[i] & PTE_V) && !is_leaf(root[i]))
			free_tables((pagetable)pte_address(root[i]), level - 1);
	page_free(root);
}

/* Free what a process owns: the pages of its own gigabyte, and its tables. */
void free_user_pages(pagetable root)
{
	for (u64 va = USER_BASE; va < USER_END; va += PAGE_SIZE) {
		u64 *entry = table_entry(root, va, 0, false);

		if (entry == NULL)
			va = (va | (MEGA_SIZE - PAGE_SIZE)); /* no table: skip its 2 MiB */
		else if (*entry & PTE_V)
			page_free((void *)pte_address(*entry));
	}
	for (int i = 0; i < TABLE_ENTRIES; i++)
		if ((root[i] & PTE_V) && root[i] != kernel_root[i])
			free_tables((pagetable)pte_address(root[i]), 1);
	page_free(root);
}

/* The kernel's address of a byte of a process, or NULL if the process itself
 * could not access it so. */
static u8 *user_byte(struct proc *p, u64 va, u64 need)
{
	u64 wanted = PTE_V | PTE_U | need;

	if (va >= LOWER_HALF_END)
		return NULL;
	for (int level = 0; level < 2; level++) {
		u64 *entry = table_entry(p->root, va, level, false);

		if (entry == NULL)
			continue;
		if ((*entry & wanted) != wanted)
			return NULL;
		return (u8 *)pte_address(*entry) + (va & ((PAGE_SIZE << (9 * level)) - 1));
	}
	return NULL;
}

static u64 left_in_page(u64 va, u64 size)
{
	u64 left = PAGE_SIZE - va % PAGE_SIZE;

	return size < left ? size : left;
}

int copy_in(struct proc *p, void *to, u64 from, u64 size)
{
	for (u64 part; size > 0; from += part, to = (u8 *)to + part, size -= part) {
		u8 *at = user_byte(p, from, PTE_R);

		if (at == NULL)
			return ERR_FAULT;
		part = left_in_page(from, size);
		memcpy(to, at, part);
	}
	return 0;
}

int copy_out(struct proc *p, u64 to, const void *from, u64 size)
{
	for (u64 part; size > 0; to += part, from = (const u8 *)from + part, size -= part) {
		u8 *at = user_byte(p, to, PTE_W);

		if (at == NULL)
			return ERR_FAULT;
		part = left_in_page(to, size);
		memcpy(at, from, part);
	}
	return 0;
}

/* Copy a text that ends within size bytes; its length, or an error. */
int copy_in_text(struct proc *p, char *to, u64 from, u64 size)
{
	for (u64 i = 0; i < size; i++) {
		u8 *at = user_byte(p, from + i, PTE_R);

		if (at == NULL)
			return ERR_FAULT;
		to[i] = (char)*at;
		if (to[i] == '\0')
			return (int)i;
	}
	return ERR_INVALID;
}
