/* compute.c: pure computation: no system call, no page fault, no other process.
 *
 * A prime sieve, a checksum bit by bit, and a recursion; the check does the same
 * by trial division, by table, and by iteration. */
#include "user.h"

enum { LIMIT = 20000, RECURSION = 22 };

#define POLYNOMIAL 0xedb88320U /* of CRC-32, bit-reversed */

static u8 composite[LIMIT];

static void sieve(void)
{
	composite[0] = composite[1] = 1;
	for (u64 i = 2; i * i < LIMIT; i++)
		if (!composite[i])
			for (u64 j = i * i; j < LIMIT; j += i)
				composite[j] = 1;
}

static u32 crc_step(u32 crc)
{
	return crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
}

static u32 crc_by_bits(const u8 *data, u64 size)
{
	u32 crc = ~0U;

	for (u64 i = 0; i < size; i++) {
		crc ^= data[i];
		for (u32 bit = 0; bit < 8; bit++)
			crc = crc_step(crc);
	}
	return ~crc;
}

static u64 __attribute__((noinline)) fibonacci_by_recursion(u64 n)
{
	return n < 2 ? n : fibonacci_by_recursion(n - 1) + fibonacci_by_recursion(n - 2);
}

u64 compute_run(void)
{
	sieve();
	return mix(crc_by_bits(composite, LIMIT), fibonacci_by_recursion(RECURSION));
}

static bool is_prime(u64 n)
{
	if (n < 4)
		return n >= 2;
	if (n % 2 == 0)
		return false;
	for (u64 d = 3; d * d <= n; d += 2)
		if (n % d == 0)
			return false;
	return true;
}

static u32 crc_of_primes_by_table(void)
{
	u32 table[256], crc = ~0U;

	for (u32 i = 0; i < 256; i++) {
		table[i] = i;
		for (u32 bit = 0; bit < 8; bit++)
			table[i] = crc_step(table[i]);
	}
	for (u64 n = 0; n < LIMIT; n++)
		crc = table[(crc ^ !is_prime(n)) & 0xff] ^ crc >> 8;
	return ~crc;
}

u64 compute_check(void)
{
	u64 a = 0, b = 1;

	for (u64 i = 0; i < RECURSION; i++) {
		u64 sum = a + b;

		a = b;
		b = sum;
	}
	return mix(crc_of_primes_by_table(), a);
}
