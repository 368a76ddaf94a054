/* cat.c: print files. */
#include "user.h"

static int print_file(const char *path)
{
	char buffer[128];
	s64 fd = open(path), length;

	if (fd < 0) {
		printf("cat: %s: %s\n", path, error_text(fd));
		return 1;
	}
	while ((length = read(fd, buffer, sizeof(buffer))) > 0)
		console_write(buffer, (u64)length);
	close(fd);
	return 0;
}

int main(int argc, char *argv[])
{
	int code = 0;

	for (int i = 1; i < argc; i++)
		code |= print_file(argv[i]);
	return code;
}
