/* sieve.c: the sieve of Eratosthenes over 256 KiB of bytes: many pages, strided stores. */

typedef unsigned long u64;

#define LIMIT 262144

static unsigned char composite[LIMIT];

static u64 count_primes(void)
{
	u64 primes = 0;

	for (u64 i = 0; i < LIMIT; i++)
		composite[i] = 0;
	for (u64 i = 2; i < LIMIT; i++) {
		if (composite[i])
			continue;
		primes++;
		for (u64 k = i * i; k < LIMIT; k += i)
			composite[k] = 1;
	}
	return primes;
}

u64 bench(u64 rounds)
{
	u64 sum = 0;

	for (u64 round = 0; round < rounds; round++)
		sum = sum * 31 + count_primes() + round;
	return sum;
}
