// A kernel as a member of its family's table.
#pragma once

#define PYSEQ_DECLARE_KERNEL(name, Args) void (*name)(const Args*);
