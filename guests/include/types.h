/* types.h: the integer types that all guest software uses. */
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long u64;
typedef signed char s8;
typedef short s16;
typedef int s32;
typedef long s64;

#ifndef __bool_true_false_are_defined
#include <stdbool.h>
#endif
#define NULL ((void *)0)
