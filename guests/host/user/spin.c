/* spin.c: compute and nothing else: spin [AMOUNT] does AMOUNT thousand rounds and
 * prints a checksum, so that it is known to have done them. */
#include "user.h"

int main(int argc, char *argv[])
{
	u64 amount = argc > 1 ? parse_number(argv[1]) : 1000;
	u64 x = 88172645463325252UL, sum = 0;

	for (u64 i = 0; i < amount * 1000; i++) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		sum += x;
	}
	printf("spin %lu: checksum %016lx\n", amount, sum);
	return 0;
}
