/* work.c: the workloads: coroutines, computation, atomic operations, CSRs,
 * exceptions, interrupts. */
#include "uno.h"

enum { PRIMES = 60, GREATEST = 120, ATOMICS = 5000, CSRS = 2000, TRAPS = 500, SOFTWARE = 200 };
enum { WAITS = 100, WAIT_TICKS = 5000 };

/* A sieve out of coroutines: a source of numbers, and for each prime found a filter. */
static void count_up(struct coroutine *self)
{
	for (u64 n = 2;; n++)
		coroutine_emit(self, n);
}

static void filter(struct coroutine *self)
{
	for (;;) {
		u64 n = coroutine_next(self->source);

		if (n % self->number != 0)
			coroutine_emit(self, n);
	}
}

u64 coroutines_run(void)
{
	struct coroutine *source;
	u64 sum = 0;

	coroutine_reset();
	source = coroutine_new(count_up, NULL, 0);
	for (u32 i = 0; i < PRIMES; i++) {
		u64 prime = coroutine_next(source);

		sum = mix(sum, prime);
		source = coroutine_new(filter, source, prime);
	}
	return sum;
}

static bool is_prime(u64 n)
{
	for (u64 d = 2; d * d <= n; d++)
		if (n % d == 0)
			return false;
	return true;
}

u64 coroutines_check(void)
{
	u64 sum = 0;
	u32 found = 0;

	for (u64 n = 2; found < PRIMES; n++)
		if (is_prime(n)) {
			sum = mix(sum, n);
			found++;
		}
	return sum;
}

/* Greatest common divisors, by subtraction; checked by division. */
static u64 gcd_by_subtraction(u64 a, u64 b)
{
	while (a != b)
		if (a > b)
			a -= b;
		else
			b -= a;
	return a;
}

static u64 gcd_by_division(u64 a, u64 b)
{
	return b == 0 ? a : gcd_by_division(b, a % b);
}

static u64 sum_of_gcds(u64 (*gcd)(u64, u64))
{
	u64 sum = 0;

	for (u64 a = 1; a <= GREATEST; a++)
		for (u64 b = 1; b <= GREATEST; b++)
			sum = mix(sum, gcd(a, b));
	return sum;
}

u64 compute_run(void)
{
	return sum_of_gcds(gcd_by_subtraction);
}

u64 compute_check(void)
{
	return sum_of_gcds(gcd_by_division);
}

/* Multiply with LR and SC: there is no atomic instruction for it. */
static u64 atomic_multiply(u64 *cell, u64 factor)
{
	u64 old, new, failed;

	__asm__ volatile("1: lr.d %0, (%3)\n"
			 "   mul %1, %0, %4\n"
			 "   sc.d %2, %1, (%3)\n"
			 "   bnez %2, 1b"
			 : "=&r"(old), "=&r"(new), "=&r"(failed)
			 : "r"(cell), "r"(factor)
			 : "memory");
	return old;
}

/* The compiler makes these into AMO instructions. */
u64 atomics_run(void)
{
	static u64 cell;
	static s32 small;
	u64 sum = 0;

	for (u64 i = 0; i < ATOMICS; i++) {
		sum = mix(sum, __atomic_fetch_add(&cell, i, __ATOMIC_SEQ_CST));
		sum = mix(sum, atomic_multiply(&cell, i | 1));
		sum = mix(sum, __atomic_fetch_xor(&cell, i << 20, __ATOMIC_SEQ_CST));
		sum = mix(sum, (u64)__atomic_fetch_sub(&small, (s32)(i * i), __ATOMIC_RELAXED));
		sum = mix(sum, (u64)__atomic_exchange_n(&small, (s32)cell, __ATOMIC_RELAXED));
	}
	return sum;
}

u64 atomics_check(void)
{
	u64 sum = 0, cell = 0;
	s32 small = 0;

	for (u64 i = 0; i < ATOMICS; i++) {
		sum = mix(sum, cell);
		cell += i;
		sum = mix(sum, cell);
		cell *= i | 1;
		sum = mix(sum, cell);
		cell ^= i << 20;
		sum = mix(sum, (u64)small);
		small = (s32)((u32)small - (u32)(i * i));
		sum = mix(sum, (u64)small);
		small = (s32)cell;
	}
	return sum;
}

/* CSRs hold what is written. */
u64 csrs_run(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < CSRS; i++) {
		csr_write(CSR_MSCRATCH, sum);
		csr_write(CSR_MEPC, (csr_read(CSR_MSCRATCH) + i) * 2); /* a pc is even */
		csr_set(CSR_MSTATUS, MSTATUS_MPIE);
		sum = mix(sum, csr_read(CSR_MEPC));
		sum = mix(sum, csr_read(CSR_MSTATUS) & (MSTATUS_MPIE | MSTATUS_MIE));
		csr_clear(CSR_MSTATUS, MSTATUS_MPIE);
		sum = mix(sum, csr_read(CSR_MSTATUS) & (MSTATUS_MPIE | MSTATUS_MIE));
	}
	return sum;
}

u64 csrs_check(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < CSRS; i++) {
		sum = mix(sum, (sum + i) * 2);
		sum = mix(sum, MSTATUS_MPIE);
		sum = mix(sum, 0);
	}
	return sum;
}

u64 traps_run(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < TRAPS; i++) {
		sum = mix(sum, trapped_call(i));
		sum = mix(sum, trapped_illegal());
	}
	return sum;
}

u64 traps_check(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < TRAPS; i++)
		sum = mix(mix(sum, ~i), true);
	return sum;
}

/* Interrupts: that each came shows only in that the loop goes on. */
u64 software_run(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < SOFTWARE; i++) {
		software_interrupt();
		sum = mix(sum, i);
	}
	return sum;
}

u64 timer_run(void)
{
	u64 sum = 0;

	for (u64 i = 0; i < WAITS; i++) {
		timer_wait(WAIT_TICKS);
		sum = mix(sum, i);
	}
	return sum;
}

static u64 sum_below(u64 end)
{
	u64 sum = 0;

	for (u64 i = 0; i < end; i++)
		sum = mix(sum, i);
	return sum;
}

u64 software_check(void)
{
	return sum_below(SOFTWARE);
}

u64 timer_check(void)
{
	return sum_below(WAITS);
}
