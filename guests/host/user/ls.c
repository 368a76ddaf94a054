/* ls.c: the files of the host, with their sizes. */
#include "user.h"

int main(void)
{
	char name[MAX_NAME];

	for (u64 i = 0; file_name(i, name, sizeof(name)) >= 0; i++) {
		s64 fd = open(name);

		printf("%8ld %s\n", file_size(fd), name);
		close(fd);
	}
	return 0;
}
