// The assembly heart: leaving one stack and continuing on another.
//
// What is kept is what the ABI calls callee-saved: on x86-64 rbx, rbp, r12 to r15; on aarch64
// x19 to x30 and d8 to d15. The floating-point control words (mxcsr, x87, fpcr) are not: they
// belong to the worker thread. Saving them would double the cost of a switch for the sake of code
// that changes the rounding mode and then blocks before it restores it.
// Nothing here is synchronised: a saved context is entered by one thread, once.
#pragma once

extern "C" {

// Pushes the callee-saved registers, stores the stack pointer in *save_sp, and continues where
// `load_sp` was saved. Returns when somebody switches back.
void taskscope_switch(void** save_sp, void* load_sp);

// The place in taskscope_switch where the stack has just become the other one. Unwinding from here,
// with the stack pointer that was saved, gives the calls of a context that is not entered: the
// unwind information says where its registers are. Never called.
void taskscope_switched();

// Where a new stack begins; never called from C++. Calls the function in the first saved register
// with the second as its argument. Its unwind information says "outermost frame", so unwinders, gdb
// and a thrown exception that nobody catches all stop here.
void taskscope_stack_entry();
}

namespace taskscope::stack {

// Lays out a new stack whose first switch calls function(argument) and returns the stack pointer
// to enter it with. `top` is the high end of the stack. `function` must not return.
void* make_entry_frame(void* top, void (*function)(void*), void* argument);

}  // namespace taskscope::stack
