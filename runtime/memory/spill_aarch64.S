#if defined(__aarch64__)
// See stopped_world.h. AAPCS64: x0 = function, x1 = argument.
    .text
    .globl  taskscope_with_registers
    .hidden taskscope_with_registers
    .type   taskscope_with_registers, %function
    .balign 16
taskscope_with_registers:
    .cfi_startproc
    stp     x29, x30, [sp, #-96]!
    .cfi_adjust_cfa_offset 96
    .cfi_rel_offset x29, 0
    .cfi_rel_offset x30, 8
    mov     x29, sp
    stp     x19, x20, [sp, #16]
    stp     x21, x22, [sp, #32]
    stp     x23, x24, [sp, #48]
    stp     x25, x26, [sp, #64]
    stp     x27, x28, [sp, #80]
    mov     x9, x0
    mov     x0, x1
    mov     x1, sp
    blr     x9
    // They are as they were: the function is an ordinary one.
    ldp     x29, x30, [sp], #96
    .cfi_adjust_cfa_offset -96
    .cfi_restore x29
    .cfi_restore x30
    ret
    .cfi_endproc
    .size   taskscope_with_registers, . - taskscope_with_registers
#endif
#if defined(__linux__)
    .section .note.GNU-stack, "", %progbits
#endif
