//! The process's memory: what is freed in a training step is kept for the next one, and what is freed by all else goes back
//! to the system.

use std::ffi::c_long;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Which option says when freed memory goes back, in milliseconds: the binding has names for few.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;
const NEVER: c_long = -1;
/// The allocator's own default.
const SOON: c_long = 1000;

/// Before training steps: what one frees is used again by the next instead of going back to the system, whose zeroed pages
/// cost a twentieth of a step. What was freed before goes back now. What the environment says of it holds.
pub(crate) fn keep_freed_memory() {
    // SAFETY: the allocator's own functions, which any thread may call.
    unsafe {
        libmimalloc_sys::mi_collect(true);
        libmimalloc_sys::mi_option_set_default(PURGE_DELAY, NEVER);
    }
}

/// After training steps: the memory of their tensors goes back to the system now, what is freed later soon after.
pub(crate) fn give_back_freed_memory() {
    // SAFETY: as above.
    unsafe { libmimalloc_sys::mi_option_set_default(PURGE_DELAY, SOON) };
    minigpt_model::release_free_memory();
    // SAFETY: as above.
    unsafe { libmimalloc_sys::mi_collect(true) };
}
