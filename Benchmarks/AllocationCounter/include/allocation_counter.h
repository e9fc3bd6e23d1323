#pragma once
/* Allocations of this process so far: malloc, calloc, realloc and the aligned ones. */
unsigned long allocation_count(void);
