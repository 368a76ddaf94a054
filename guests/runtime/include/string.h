/* string.h: the memory and string functions, under their standard name. */
#pragma once
#include "../../lib/string.h"
