/* recursion.c: Fibonacci numbers and the Ackermann function by their definitions: calls, stack. */

typedef unsigned long u64;

__attribute__((noinline)) static u64 fibonacci(u64 n)
{
	return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2);
}

__attribute__((noinline)) static u64 ackermann(u64 m, u64 n)
{
	if (m == 0)
		return n + 1;
	return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

u64 bench(u64 rounds)
{
	u64 sum = 0;

	for (u64 round = 0; round < rounds; round++)
		sum = sum * 31 + fibonacci(20 + round % 3) + ackermann(2, 40 + round % 5);
	return sum;
}
