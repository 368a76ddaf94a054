/* util.c: what several host programs need. */
#include "../../lib/format.h"
#include "user.h"

void printf(const char *format, ...)
{
	char text[256];
	va_list arguments;
	u64 length;

	va_start(arguments, format);
	length = (u64)vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	console_write(text, length < sizeof(text) ? length : sizeof(text) - 1);
}

const char *error_text(s64 error)
{
	static const char *const texts[] = {
		[-ERR_INVALID] = "invalid argument",
		[-ERR_FAULT] = "bad address",
		[-ERR_NOT_FOUND] = "not found",
		[-ERR_BUSY] = "taken by another process",
		[-ERR_MEMORY] = "out of memory",
		[-ERR_EMPTY] = "nothing to read",
		[-ERR_KILLED] = "being killed",
		[-ERR_FORMAT] = "not a program for this machine",
	};

	return error < 0 && -error < (s64)(sizeof(texts) / sizeof(*texts)) ? texts[-error] : "?";
}

u64 parse_number(const char *text)
{
	u64 number = 0;

	for (; *text >= '0' && *text <= '9'; text++)
		number = number * 10 + (u64)(*text - '0');
	return number;
}

void *read_file(const char *path, u64 *size)
{
	s64 fd = open(path), length = fd < 0 ? fd : file_size(fd);
	char *data = NULL;

	if (length >= 0)
		data = grow((u64)length + 1);
	if (data == NULL) {
		printf("%s: %s\n", path, error_text(length < 0 ? length : ERR_MEMORY));
		return NULL;
	}
	length = read(fd, data, (u64)length);
	close(fd);
	*size = (u64)length;
	return data;
}

int split_words(char *line, char *words[], int limit)
{
	int count = 0;

	for (char *c = line; *c != '\0';) {
		while (*c == ' ' || *c == '\t' || *c == '\r' || *c == '\n')
			*c++ = '\0';
		if (*c == '\0' || count == limit)
			break;
		words[count++] = c;
		while (*c != '\0' && *c != ' ' && *c != '\t' && *c != '\r' && *c != '\n')
			c++;
	}
	return count;
}

s64 start_command(char *words[], int count, bool *background)
{
	s64 pid;

	*background = strcmp(words[count - 1], "&") == 0;
	if (*background)
		count--;
	if (count == 0)
		return ERR_INVALID;
	words[count] = NULL;
	pid = spawn(words[0], words);
	if (pid < 0)
		printf("%s: %s\n", words[0], error_text(pid));
	return pid;
}
