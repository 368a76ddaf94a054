/* hello.c: the first program: `simvirt run hello.c`. */
#include <stdio.h>

static unsigned long factorial(unsigned long n)
{
	return n < 2 ? 1 : n * factorial(n - 1);
}

int main(void)
{
	printf("hello from the bare machine\n");
	for (unsigned long n = 5; n <= 20; n += 5)
		printf("%2lu! = %lu\n", n, factorial(n));
	return 0;
}
