//! The binary.

use libmimalloc_sys::{mi_option_eager_commit_delay, mi_option_set, mi_option_t};
use std::ffi::c_long;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay`, which the crate gives no name.
const PURGE_DELAY: mi_option_t = mi_option_eager_commit_delay + 1;
/// How long free memory is kept before it is given back to the system: the work comes in waves of a batch, and with the 10 ms of
/// mimalloc's own each wave pays for its pages anew.
const PURGE_DELAY_MS: c_long = 1_000;

fn main() -> ExitCode {
    #[allow(unsafe_code, reason = "mimalloc's options have no other interface than C's")]
    // SAFETY: it stores a number.
    unsafe {
        mi_option_set(PURGE_DELAY, PURGE_DELAY_MS);
    }
    sterna::cli::main()
}

#[cfg(test)]
mod tests {
    use super::PURGE_DELAY;

    #[test]
    fn the_option_is_the_one_that_is_meant() {
        #[allow(unsafe_code, reason = "see above")]
        // SAFETY: it reads a number.
        let delay = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(delay, 10, "mimalloc's own delay");
    }
}
