/*
 * redsc: functions whose bodies are assembly; not for other users. This file carries no licence obligation.
 *
 * They are naked: compilers spill so many live values as a tile has, and refuse inline assembly with so many
 * operands at some options. None uses the FPU.
 */
#ifndef REDSC_ASSEMBLY_H
#define REDSC_ASSEMBLY_H

#if defined(__clang__)
#define REDSC_ASSEMBLY __attribute__((naked, noinline))
#else /* GCC, which would look into the body to see which registers survive a call */
#define REDSC_ASSEMBLY __attribute__((naked, noinline, noipa))
#endif
#define REDSC_UNUSED __attribute__((unused))

#endif /* REDSC_ASSEMBLY_H */
