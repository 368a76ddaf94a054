/* user.h: what every host program can use: system calls, and a little more. */
#pragma once
#include <types.h>
#include "../../lib/string.h"
#include "../include/abi.h"

s64 system_call(u64 number, ...); /* start.S: up to four arguments */

/* ---- calls.c: system calls with their types; results below zero are errors ---- */
_Noreturn void exit(int code);
s64 wait(int *code);
s64 spawn(const char *path, char *const argv[]);
s64 getpid(void);
void yield(void);
void sleep(u64 ticks);
s64 kill(u64 pid);
void *grow(u64 bytes); /* zeroed memory, or NULL */
s64 open(const char *path);
s64 close(s64 fd);
s64 read(s64 fd, void *buffer, u64 size);
s64 file_size(s64 fd);
s64 file_name(u64 index, char *buffer, u64 size);
s64 console_write(const void *buffer, u64 size);
s64 console_read(void *buffer, u64 size);
_Noreturn void poweroff(int code);

/* ---- util.c ---- */
void printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *error_text(s64 error);
u64 parse_number(const char *text); /* decimal; stops at what is no digit */

/* The whole of a file in memory that stays; NULL (after a message) if it cannot be. */
void *read_file(const char *path, u64 *size);

/* Split a line at blanks, in place; the number of words. */
int split_words(char *line, char *words[], int limit);

/* Start one command of `count` words, which a last word "&" puts in the background.
 * Its pid, or an error (after a message). */
s64 start_command(char *words[], int count, bool *background);
