/* litmus.h: what the files of the litmus test share, listed by file. */
#pragma once
#include <board.h>
#include <csr.h>
#include <types.h>

/* start.S: the first five fields go in, the others come out. */
struct probe {
	u64 pc, mstatus, satp, a1, a2;
	u64 a0, mcause, mtval, mepc, mstatus_after;
};
void probe_run(struct probe *p);
extern char stubs[], stubs_mprv[], stub_landing[];
extern u32 stub_written[];

enum { /* numbers of the stubs */
	STUB_LB, STUB_LHU, STUB_LD, STUB_SB, STUB_SW, STUB_SD, STUB_AMO, STUB_LR, STUB_JR,
	STUBS, STUBS_MPRV = STUB_AMO, STUB_SIZE = 32,
};

/* main.c */
u64 random(void);
u64 choose(u64 count);
void record(const u64 *values, u32 count);
void protection_open(void);
#define RECORD(...)                                                            \
	do {                                                                   \
		u64 values_[] = {__VA_ARGS__};                                 \
		record(values_, sizeof(values_) / sizeof(u64));                \
	} while (0)

/* space.c: one address space: stubs for U and S, and a place to test */
enum { PAGE = 4096, ENTRIES = 512, TEST_PAGES = 8 };
#define U_STUBS 0x40000000ul
#define S_STUBS 0x40001000ul
#define TEST_L0 0x40002000ul /* ... by a 4 KiB page */
#define TEST_L1 0x40200000ul /* ... by a 2 MiB page */
#define TEST_L2 0x80000000ul /* ... by a 1 GiB page */
#define TEST_RAM 0x80400000ul /* TEST_PAGES pages of ours at a 4 MiB boundary */
struct space {
	u64 root[ENTRIES], middle[ENTRIES], low[ENTRIES], low_more[ENTRIES];
};
u64 pte(u64 pa, u64 flags);
void space_init(struct space *s);
u64 space_satp(const struct space *s, u64 asid);
void fill_test_pages(void);
u64 stub_address(u64 mode, u64 stub);
u64 mode_status(u64 mode);

/* one file each */
void test_instructions(u64 n);
void test_paging(u64 n);
void test_spaces(u64 n);
void test_protection(u64 n);
void test_mprv(u64 n);
void test_interrupts(u64 n);
void test_locks(u64 n);
