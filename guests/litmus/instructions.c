/* instructions.c: random privileged instructions in random states, in M, S and U. */
#include "litmus.h"

enum { A0 = 10, A1 = 11, SYSTEM = 0x73, WFI = 0x10500073 };

static struct space space __attribute__((aligned(PAGE)));

/* Not mtvec and mscratch, which belong to the probe, and not minstret, which
 * main.c compares. */
static const u16 numbers[] = {
	CSR_MSTATUS, CSR_SSTATUS, CSR_MEDELEG, CSR_MIDELEG, CSR_MIE, CSR_MIP, CSR_SIE, CSR_SIP,
	CSR_STVEC, CSR_SSCRATCH, CSR_MEPC, CSR_SEPC, CSR_MCAUSE, CSR_SCAUSE, CSR_MTVAL, CSR_STVAL,
	CSR_MCOUNTEREN, CSR_SCOUNTEREN, CSR_MENVCFG, CSR_SENVCFG, CSR_STIMECMP, CSR_SATP,
	CSR_PMPCFG0, CSR_PMPADDR0, CSR_PMPADDR3, CSR_MISA, CSR_MHARTID, CSR_MVENDORID,
	CSR_CYCLE, CSR_TIME, CSR_INSTRET, CSR_MCYCLE, CSR_CYCLE + 5,
	CSR_PMPCFG2, CSR_PMPADDR0 + 20, CSR_MCOUNTINHIBIT,
};

static bool is_counter(u64 number)
{
	return number == CSR_CYCLE || number == CSR_TIME || number == CSR_INSTRET ||
	       number == CSR_MCYCLE;
}

/* Ranges in which a CSR may or may not exist; the first is for nobody's use. */
static u64 random_number(void)
{
	if (choose(16))
		return numbers[choose(sizeof numbers / sizeof numbers[0])];
	switch (choose(4)) {
	case 0: return 0x5c0 + choose(64);
	case 1: return CSR_PMPADDR0 + 8 + choose(64);
	case 2: return CSR_MCYCLE + 3 + choose(32);
	}
	return CSR_CYCLE + 3 + choose(32);
}

static u32 random_csr_insn(u64 number)
{
	static const u8 operations[] = {1, 2, 3, 5, 6, 7};
	u32 source = number != CSR_SATP && choose(3) == 0 ? 0 : A1, target = choose(3) ? A0 : 0;

	return number << 20 | source << 15 | (u32)operations[choose(number == CSR_SATP ? 1 : 6)] << 12 | target << 7 | SYSTEM;
}

/* sret, mret, wfi, sfence.vma, ebreak, and encodings that may mean nothing. */
static u32 random_system_insn(void)
{
	static const u32 known[] = {0x10200073, 0x30200073, WFI, 0x12a58073,
				    0x12000073, 0x00100073, 0x00200073};
	u32 pick = choose(9);

	if (pick < 7)
		return known[pick];
	return pick == 7 ? (random() & 0xfff80000) | SYSTEM : 0;
}

/* Everything a guest could look at, set to something known or random. */
static void random_state(void)
{
	csr_write(CSR_MEDELEG, 0);
	csr_write(CSR_MIDELEG, 0);
	csr_write(CSR_MIE, 0);
	csr_write(CSR_MIP, 0);
	csr_write(CSR_STVEC, random());
	csr_write(CSR_SSCRATCH, random());
	csr_write(CSR_SEPC, S_STUBS + ((u64)stub_landing & (PAGE - 1)));
	csr_write(CSR_MCOUNTEREN, random() & 7);
	csr_write(CSR_SCOUNTEREN, random() & 7);
	csr_write(CSR_MENVCFG, random() & MENVCFG_STCE);
	csr_write(CSR_STIMECMP, ~0ul);
}

/* An interrupt that is pending but not taken, so that wfi goes on in M and S. */
static void let_wfi_go_on(void)
{
	csr_write(CSR_MIDELEG, MIDELEG_SSI);
	csr_write(CSR_MIP, MIP_SSIP);
	csr_write(CSR_MIE, MIE_SSIE);
}

static u64 state_hash(void)
{
	u64 seen[] = {
		csr_read(CSR_MEDELEG), csr_read(CSR_MIDELEG), csr_read(CSR_MIE), csr_read(CSR_MIP),
		csr_read(CSR_STVEC), csr_read(CSR_SSCRATCH), csr_read(CSR_SEPC),
		csr_read(CSR_SCAUSE), csr_read(CSR_STVAL), csr_read(CSR_MCOUNTEREN),
		csr_read(CSR_SCOUNTEREN), csr_read(CSR_MENVCFG), csr_read(CSR_SENVCFG),
		csr_read(CSR_STIMECMP), csr_read(CSR_PMPCFG0), csr_read(CSR_PMPADDR0),
		csr_read(CSR_PMPADDR3), csr_read(CSR_SIE), csr_read(CSR_SIP), csr_read(CSR_SSTATUS),
	};
	u64 hash = 0;

	for (u32 i = 0; i < sizeof seen / sizeof seen[0]; i++)
		hash = (hash ^ seen[i]) * 0x100000001b3 ^ hash >> 31;
	return hash;
}

/* S must not switch to a random address space: what it holds is anybody's guess. */
static u64 random_operand(u64 number, u64 mode)
{
	u64 value = choose(8) ? random() : choose(2) ? ~0ul : 0;

	if (number == CSR_SATP && mode == PRIV_S)
		return (value << 4 >> 4) | 5ul << 60;
	if (number == CSR_PMPCFG0)
		return value & 0x7f7f7f7f7f7f7f7f; /* where it exists, a lock would stay */
	return value;
}

void test_instructions(u64 n)
{
	const u64 traps = MSTATUS_TVM | MSTATUS_TW | MSTATUS_TSR | MSTATUS_SPP | MSTATUS_SPIE |
			  MSTATUS_SUM | MSTATUS_MXR | MSTATUS_MPRV;
	u64 mode = choose(3) == 2 ? PRIV_M : choose(2), number = random_number();
	u32 insn = choose(4) ? random_csr_insn(number) : random_system_insn();
	u64 offset = (u64)stub_written & (PAGE - 1);
	struct probe p = {.mstatus = mode_status(mode) | (random() & traps),
			  .a1 = random_operand(number, mode)};

	space_init(&space);
	p.satp = space_satp(&space, 3);
	p.pc = mode == PRIV_M ? (u64)stub_written : stub_address(mode, 0) + offset;
	*stub_written = insn;
	fence_i();
	random_state();
	if (insn == WFI && mode != PRIV_U)
		let_wfi_go_on();
	sfence_all();
	probe_run(&p);
	RECORD(n, mode, insn, p.mstatus, p.a1, p.mcause, p.mtval, p.mepc,
	       is_counter(number) ? 0 : p.a0, p.mstatus_after, state_hash());
	protection_open();
	csr_write(CSR_MIE, 0);
	csr_write(CSR_MEDELEG, 0);
}
