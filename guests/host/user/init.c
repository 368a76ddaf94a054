/* init.c: the first process: run the commands of the file `rc`, or a shell when
 * it is empty or absent; wait for everybody; power off with the highest code. */
#include "user.h"

enum { EXIT_USAGE = 2 };

static int highest;

static void note(int code)
{
	if (code > highest)
		highest = code;
}

/* Wait until this child has ended (0: until all have). */
static void wait_until(s64 pid)
{
	int code;

	for (s64 ended; (ended = wait(&code)) > 0;) {
		note(code);
		if (ended == pid)
			return;
	}
}

static void run_line(char *line)
{
	char *words[MAX_ARGS + 1];
	int count = split_words(line, words, MAX_ARGS);
	bool background;
	s64 pid;

	if (count == 0 || words[0][0] == '#')
		return;
	pid = start_command(words, count, &background);
	if (pid < 0)
		note(EXIT_USAGE);
	else if (!background)
		wait_until(pid);
}

/* Run every line of the text; were there any? */
static bool run_lines(char *text)
{
	bool any = false;

	while (*text != '\0') {
		char *line = text;

		while (*text != '\0' && *text != '\n')
			text++;
		any = any || text > line;
		if (*text == '\n')
			*text++ = '\0';
		run_line(line);
	}
	return any;
}

int main(void)
{
	char shell[] = "sh", empty[] = "", *rc = empty;
	s64 fd = open("rc");
	u64 size;

	if (fd >= 0) {
		close(fd);
		rc = read_file("rc", &size);
	}
	if (rc == NULL)
		note(EXIT_USAGE);
	else if (!run_lines(rc))
		run_line(shell);
	wait_until(0);
	poweroff(highest);
}
