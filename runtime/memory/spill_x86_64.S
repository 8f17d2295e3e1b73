#if defined(__x86_64__)
// See stopped_world.h. System V ABI: rdi = function, rsi = argument.
    .text
    .globl  taskscope_with_registers
    .hidden taskscope_with_registers
    .type   taskscope_with_registers, @function
    .balign 16
taskscope_with_registers:
    .cfi_startproc
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    movq    %rsp, %rbp
    .cfi_def_cfa_register %rbp
    pushq   %rbx
    pushq   %r12
    pushq   %r13
    pushq   %r14
    pushq   %r15
    subq    $8, %rsp
    movq    %rdi, %rax
    movq    %rsi, %rdi
    movq    %rsp, %rsi
    callq   *%rax
    // They are as they were: the function is an ordinary one.
    leave
    .cfi_def_cfa %rsp, 8
    ret
    .cfi_endproc
    .size   taskscope_with_registers, . - taskscope_with_registers
#endif
#if defined(__linux__)
    .section .note.GNU-stack, "", %progbits
#endif
