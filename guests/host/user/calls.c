/* calls.c: the system calls as C functions. */
#include "user.h"

_Noreturn void exit(int code)
{
	system_call(SYS_EXIT, code);
	__builtin_unreachable();
}

s64 wait(int *code)
{
	return system_call(SYS_WAIT, code);
}

s64 spawn(const char *path, char *const argv[])
{
	return system_call(SYS_SPAWN, path, argv);
}

s64 getpid(void)
{
	return system_call(SYS_GETPID);
}

void yield(void)
{
	system_call(SYS_YIELD);
}

void sleep(u64 ticks)
{
	system_call(SYS_SLEEP, ticks);
}

s64 kill(u64 pid)
{
	return system_call(SYS_KILL, pid);
}

void *grow(u64 bytes)
{
	s64 old = system_call(SYS_GROW, bytes);

	return old > 0 ? (void *)old : NULL;
}

s64 open(const char *path)
{
	return system_call(SYS_OPEN, path);
}

s64 close(s64 fd)
{
	return system_call(SYS_CLOSE, fd);
}

s64 read(s64 fd, void *buffer, u64 size)
{
	return system_call(SYS_READ, fd, buffer, size);
}

s64 file_size(s64 fd)
{
	return system_call(SYS_FILE_SIZE, fd);
}

s64 file_name(u64 index, char *buffer, u64 size)
{
	return system_call(SYS_FILE_NAME, index, buffer, size);
}

s64 console_write(const void *buffer, u64 size)
{
	return system_call(SYS_CONSOLE_WRITE, buffer, size);
}

s64 console_read(void *buffer, u64 size)
{
	return system_call(SYS_CONSOLE_READ, buffer, size);
}

_Noreturn void poweroff(int code)
{
	system_call(SYS_POWEROFF, code);
	__builtin_unreachable();
}
