/* vmtest.c: try the kernel's VM facility without a VMM: tiny guests of a few
 * instructions, each ended by a trap that is known beforehand. */
#include <isa.h>
#include "user.h"

#define GUEST_RAM 0x80000000UL
#define CODE_GVA 0x1000UL
#define DATA_GVA 0x5000UL
#define NEVER (~0UL)
#define PAGE 4096UL

/* Where shadow roots begin to look for a place for their own two pages. */
#define WATCHED (0xffffffc000000000UL + (96UL << 30))

static struct vm_info vm;
static int failures;

#define GUEST(name, code)                                                      \
	extern char name[], name##_end[];                                      \
	__asm__(".text\n.balign 4\n" #name ":\n" code "\n" #name "_end:\n")

GUEST(guest_ecall, "ecall");
GUEST(guest_count, "1: addi a0, a0, -1\n bnez a0, 1b\n ecall");
GUEST(guest_load, "ld a1, 0(a0)\n ecall");
GUEST(guest_store, "sd a1, 0(a0)\n ecall");
GUEST(guest_time, "rdtime a0\n ecall");
GUEST(guest_csr, "csrr a0, sstatus\n ecall");
GUEST(guest_loop, "1: j 1b");
GUEST(guest_sc, "sc.d a0, a1, (a2)\n ecall");

static void check(bool ok, const char *what)
{
	if (!ok) {
		printf("vmtest: FAILED: %s (cause %lx tval %lx pc %lx)\n", what, vm.run->cause,
		       vm.run->tval, vm.run->pc);
		failures++;
	}
}

static s64 map(u64 gva, u64 page, u64 perm)
{
	return system_call(SYS_VM_MAP, vm.run->root, gva, GUEST_RAM + page * PAGE, perm);
}

/* Copy code to the start of guest RAM and run it there; a0 to a2 are arguments. */
static void run(const char *code, const char *end, u64 a0, u64 a1, u64 a2)
{
	memcpy((void *)vm.ram, code, (u64)(end - code));
	__asm__ volatile("fence.i" : : : "memory");
	vm.run->pc = CODE_GVA;
	vm.run->x[10] = a0;
	vm.run->x[11] = a1;
	vm.run->x[12] = a2;
	do
		system_call(SYS_VCPU_RUN);
	while ((vm.run->cause >> 63) != 0 && vm.run->deadline == NEVER);
}

#define RUN(name, a0, a1, a2) run(name, name##_end, a0, a1, a2)

static bool trapped(u64 cause, u64 pc)
{
	return vm.run->cause == cause && vm.run->pc == pc;
}

static void test_registers(void)
{
	bool same = true;

	for (u64 i = 1; i < 32; i++)
		vm.run->x[i] = i * 0x0101010101010101UL;
	RUN(guest_ecall, 10, 11, 12);
	for (u64 i = 1; i < 32; i++)
		same = same && vm.run->x[i] == (i >= 10 && i <= 12 ? i : i * 0x0101010101010101UL);
	check(trapped(CAUSE_ECALL_U, CODE_GVA), "ecall");
	check(same, "registers are kept");
	check(vm.run->instret == 0, "instret of a guest that retired nothing");
}

static void test_counters(void)
{
	u64 first;

	RUN(guest_count, 1000, 0, 0);
	check(vm.run->instret == 2000, "instret of 2000 instructions");
	first = vm.run->cycle;
	RUN(guest_count, 2000, 0, 0);
	check(vm.run->instret == 4000 && vm.run->cycle > first, "instret and cycle grow");
}

static void test_faults(void)
{
	u64 *word = (u64 *)(vm.ram + 2 * PAGE);

	RUN(guest_load, 0x123450, 0, 0);
	check(trapped(CAUSE_LOAD_PAGE_FAULT, CODE_GVA) && vm.run->tval == 0x123450, "load fault");
	RUN(guest_time, 0, 0, 0);
	check(trapped(CAUSE_ILLEGAL_INSN, CODE_GVA), "rdtime traps");
	RUN(guest_csr, 0, 0, 0);
	check(trapped(CAUSE_ILLEGAL_INSN, CODE_GVA), "csrr sstatus traps");
	*word = 77;
	check(map(DATA_GVA, 2, PTE_R) == 0, "map");
	RUN(guest_load, DATA_GVA, 0, 0);
	check(vm.run->cause == CAUSE_ECALL_U && vm.run->x[11] == 77, "load");
	RUN(guest_store, DATA_GVA, 5, 0);
	check(trapped(CAUSE_STORE_PAGE_FAULT, CODE_GVA) && *word == 77, "store to a read-only page");
	check(map(DATA_GVA, 2, PTE_R | PTE_W) == 0, "remap");
	RUN(guest_store, DATA_GVA, 5, 0);
	check(vm.run->cause == CAUSE_ECALL_U && *word == 5, "store");
	RUN(guest_sc, 0, 1, DATA_GVA);
	check(vm.run->x[10] != 0, "no reservation on entry");
	system_call(SYS_VM_UNMAP, vm.run->root, DATA_GVA, PAGE);
	RUN(guest_load, DATA_GVA, 0, 0);
	check(trapped(CAUSE_LOAD_PAGE_FAULT, CODE_GVA), "load after unmap");
}

static void test_refusals(void)
{
	check(map(0x4000000000UL, 0, PTE_R) == ERR_INVALID, "gva that is not canonical");
	check(map(DATA_GVA, 0, PTE_W) == ERR_INVALID, "W without R");
	check(map(DATA_GVA, 0, PTE_R | PTE_G) == ERR_INVALID, "a bit that is not a permission");
	check(map(DATA_GVA, vm.ram_size / PAGE, PTE_R) == ERR_FAULT, "gpa above RAM");
	check(map(DATA_GVA, -1UL, PTE_R) == ERR_FAULT, "gpa below RAM");
	check(system_call(SYS_VM_CREATE, 0, &vm) < 0, "a second VM");
}

/* Around the kernel's two pages: the guest must never notice them. */
static void test_collisions(void)
{
	u64 *word = (u64 *)(vm.ram + 3 * PAGE);

	for (u64 va = WATCHED - 64 * PAGE; va < WATCHED + 8 * PAGE; va += PAGE) {
		RUN(guest_load, va, 0, 0);
		check(trapped(CAUSE_LOAD_PAGE_FAULT, CODE_GVA) && vm.run->tval == va, "collide");
	}
	for (u64 va = WATCHED + 8 * PAGE; va >= WATCHED - 700 * PAGE; va -= PAGE) {
		*word = va;
		check(map(va, 3, PTE_R | PTE_X) == 0, "map at a collision");
		RUN(guest_load, va, 0, 0);
		check(vm.run->cause == CAUSE_ECALL_U && vm.run->x[11] == va, "load at a collision");
	}
	system_call(SYS_VM_UNMAP, vm.run->root, 0, 0);
	map(CODE_GVA, 0, PTE_R | PTE_X);
	for (u64 va = WATCHED; va >= WATCHED - 2000 * PAGE; va -= PAGE) {
		vm.run->pc = va;
		system_call(SYS_VCPU_RUN);
		check((vm.run->cause >> 63) != 0 || trapped(CAUSE_INSN_PAGE_FAULT, va),
		      "fetch at a collision");
	}
}

static void test_deadline(void)
{
	u64 start, now;

	__asm__ volatile("rdtime %0" : "=r"(start));
	vm.run->deadline = start + 2000;
	RUN(guest_loop, 0, 0, 0);
	vm.run->deadline = NEVER;
	__asm__ volatile("rdtime %0" : "=r"(now));
	check(vm.run->cause == (CAUSE_INTERRUPT | IRQ_S_TIMER), "an endless loop is interrupted");
	check(now >= start + 2000, "not before the deadline");
	system_call(SYS_VCPU_WAIT, now + 30000);
	__asm__ volatile("rdtime %0" : "=r"(start));
	check(start >= now + 30000, "vcpu_wait waits");
}

int main(int argc, char *argv[])
{
	s64 error = system_call(SYS_VM_CREATE, argc > 1 ? parse_number(argv[1]) : 0, &vm);

	if (error != 0) {
		printf("vmtest: vm_create: %s\n", error_text(error));
		return 2;
	}
	vm.run->deadline = NEVER;
	for (u64 root = 0; root < VM_ROOTS; root += VM_ROOTS - 1) {
		vm.run->root = root;
		check(map(CODE_GVA, 0, PTE_R | PTE_X) == 0, "map code");
		test_registers();
		test_counters();
		test_faults();
		test_refusals();
		test_collisions();
	}
	test_deadline();
	printf("vmtest: %s\n", failures == 0 ? "passed" : "failed");
	return failures != 0;
}
