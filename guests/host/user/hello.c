/* hello.c: the smallest host program; says its words, or hello. */
#include "user.h"

int main(int argc, char *argv[])
{
	if (argc < 2)
		printf("hello from process %ld\n", getpid());
	for (int i = 1; i < argc; i++)
		printf("%s%s", argv[i], i + 1 < argc ? " " : "\n");
	return 0;
}
