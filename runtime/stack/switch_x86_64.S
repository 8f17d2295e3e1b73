#if defined(__x86_64__)
// See switch.h. System V ABI: rdi = save_sp, rsi = load_sp.
//
// The last step is a plain `ret`, and that is worth nanoseconds: the return-address predictor holds
// the calls that led here, and tasks leave their stacks at the same place of the scheduler, so its
// guess is right although the stack is another. (`pop` and `jmp` would be predicted as well, but
// leave one address too many in the predictor, and every return above it goes wrong.)

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
    .globl  taskscope_switched
    .hidden taskscope_switched
taskscope_switched:
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
    ret
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
