#if defined(__x86_64__)
// See switch.h. System V ABI: rdi = save_sp, rsi = load_sp.
//
// The last step is `pop` and `jmp` instead of `ret`: the return-address predictor still holds the
// stack that was left, so a `ret` would mispredict every time (10 ns of 14).

    .text
    .globl  taskscope_switch
    .hidden taskscope_switch
    .type   taskscope_switch, @function
    .balign 16
taskscope_switch:
    .cfi_startproc
    pushq   %rbp
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbp, 0
    pushq   %rbx
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %rbx, 0
    pushq   %r12
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r12, 0
    pushq   %r13
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r13, 0
    pushq   %r14
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r14, 0
    pushq   %r15
    .cfi_adjust_cfa_offset 8
    .cfi_rel_offset %r15, 0
    // Both stacks have the same layout here, so the unwind rules hold on either side.
    movq    %rsp, (%rdi)
    movq    %rsi, %rsp
    popq    %r15
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r15
    popq    %r14
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r14
    popq    %r13
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r13
    popq    %r12
    .cfi_adjust_cfa_offset -8
    .cfi_restore %r12
    popq    %rbx
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbx
    popq    %rbp
    .cfi_adjust_cfa_offset -8
    .cfi_restore %rbp
    popq    %rcx
    .cfi_adjust_cfa_offset -8
    .cfi_register %rip, %rcx
    jmpq    *%rcx
    .cfi_endproc
    .size   taskscope_switch, . - taskscope_switch

    .globl  taskscope_stack_entry
    .hidden taskscope_stack_entry
    .type   taskscope_stack_entry, @function
    .balign 16
taskscope_stack_entry:
    .cfi_startproc
    .cfi_undefined %rip
    .cfi_undefined %rbp
    movq    %r13, %rdi
    callq   *%r12
    ud2
    .cfi_endproc
    .size   taskscope_stack_entry, . - taskscope_stack_entry
#endif
#if defined(__linux__)
    .section .note.GNU-stack, "", %progbits
#endif
