/* sh.c: a shell: read a line, start the program it names, wait for it unless the
 * line ends in " &". */
#include "user.h"

enum { LINE = 128, BACKSPACE = 8, DELETE = 127, END_OF_INPUT = 4 };

/* Read a line with echo; false at the end of the input. */
static bool read_line(char *line)
{
	int length = 0;
	char c;

	for (;;) {
		if (console_read(&c, 1) != 1 || (c == END_OF_INPUT && length == 0))
			return false;
		if (c == '\r' || c == '\n')
			break;
		if (c == BACKSPACE || c == DELETE) {
			if (length > 0) {
				length--;
				console_write("\b \b", 3);
			}
		} else if (c >= ' ' && length < LINE - 1) {
			line[length++] = c;
			console_write(&c, 1);
		}
	}
	console_write("\n", 1);
	line[length] = '\0';
	return true;
}

static void wait_for(s64 pid)
{
	int code;

	for (s64 ended; (ended = wait(&code)) > 0;) {
		if (code != 0)
			printf("process %ld: exit code %d\n", ended, code);
		if (ended == pid)
			return;
	}
}

static void run_words(char *words[], int count)
{
	bool background;
	s64 pid;

	if (strcmp(words[0], "help") == 0) {
		printf("words start a program of the file image (see: ls); a last word & does not\n"
		       "wait for it. kill PID ends one. exit, or Ctrl-D, ends the shell.\n");
	} else if (strcmp(words[0], "kill") == 0) {
		pid = count > 1 ? kill(parse_number(words[1])) : ERR_INVALID;
		if (pid < 0)
			printf("kill: %s\n", error_text(pid));
	} else {
		pid = start_command(words, count, &background);
		if (pid > 0 && background)
			printf("[%ld]\n", pid);
		else if (pid > 0)
			wait_for(pid);
	}
}

int main(void)
{
	char line[LINE], *words[MAX_ARGS + 1];
	int count;

	for (;;) {
		printf("$ ");
		if (!read_line(line))
			return 0;
		count = split_words(line, words, MAX_ARGS);
		if (count > 0 && strcmp(words[0], "exit") == 0)
			return 0;
		if (count > 0)
			run_words(words, count);
	}
}
