"""A gdb remote stub: any stock gdb for RISC-V debugs a stack, from its guests to what lies below.

Each layer is a *process* of gdb (an inferior): the layer that owns the machine, every VM, and
under a host every VMM process.  A process has symbols, breakpoints and an address space of its
own, so equal addresses of hypervisor and guest are not mixed up; a hart is a thread of each.
"""
