#if defined(__aarch64__)
// See switch.h. AAPCS64: x0 = save_sp, x1 = load_sp.
//
// It ends in `ret`, not `br`: on cores with branch target identification an indirect jump into the
// middle of a function would fault.

#define FRAME_BYTES 160

    .text
    .globl  taskscope_switch
    .hidden taskscope_switch
    .type   taskscope_switch, %function
    .balign 16
taskscope_switch:
    .cfi_startproc
    stp     x29, x30, [sp, #-FRAME_BYTES]!
    .cfi_def_cfa_offset FRAME_BYTES
    .cfi_offset x29, -160
    .cfi_offset x30, -152
    stp     x19, x20, [sp, #16]
    .cfi_offset x19, -144
    .cfi_offset x20, -136
    stp     x21, x22, [sp, #32]
    .cfi_offset x21, -128
    .cfi_offset x22, -120
    stp     x23, x24, [sp, #48]
    .cfi_offset x23, -112
    .cfi_offset x24, -104
    stp     x25, x26, [sp, #64]
    .cfi_offset x25, -96
    .cfi_offset x26, -88
    stp     x27, x28, [sp, #80]
    .cfi_offset x27, -80
    .cfi_offset x28, -72
    stp     d8, d9, [sp, #96]
    stp     d10, d11, [sp, #112]
    stp     d12, d13, [sp, #128]
    stp     d14, d15, [sp, #144]
    // Both stacks have the same layout here, so the unwind rules hold on either side.
    mov     x9, sp
    str     x9, [x0]
    mov     sp, x1
    .globl  taskscope_switched
    .hidden taskscope_switched
taskscope_switched:
    ldp     d14, d15, [sp, #144]
    ldp     d12, d13, [sp, #128]
    ldp     d10, d11, [sp, #112]
    ldp     d8, d9, [sp, #96]
    ldp     x27, x28, [sp, #80]
    ldp     x25, x26, [sp, #64]
    ldp     x23, x24, [sp, #48]
    ldp     x21, x22, [sp, #32]
    ldp     x19, x20, [sp, #16]
    ldp     x29, x30, [sp], #FRAME_BYTES
    .cfi_restore x19
    .cfi_restore x20
    .cfi_restore x21
    .cfi_restore x22
    .cfi_restore x23
    .cfi_restore x24
    .cfi_restore x25
    .cfi_restore x26
    .cfi_restore x27
    .cfi_restore x28
    .cfi_restore x29
    .cfi_restore x30
    .cfi_def_cfa_offset 0
    ret
    .cfi_endproc
    .size   taskscope_switch, . - taskscope_switch

    .globl  taskscope_stack_entry
    .hidden taskscope_stack_entry
    .type   taskscope_stack_entry, %function
    .balign 16
taskscope_stack_entry:
    .cfi_startproc
    .cfi_undefined x30
    .cfi_undefined x29
    mov     x0, x20
    blr     x19
    brk     #0
    .cfi_endproc
    .size   taskscope_stack_entry, . - taskscope_stack_entry
#endif
#if defined(__linux__)
    .section .note.GNU-stack, "", %progbits
#endif
