#pragma once
/* Allocations of this process so far: malloc, calloc, realloc and the aligned ones. */
unsigned long allocation_count(void);
/* Bytes in use, the allocator's own share in them. */
unsigned long allocated_bytes(void);
