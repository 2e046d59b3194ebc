//! The randomness of the system, replaced: tokio and the standard library's hash maps draw theirs there.
//!
//! Tokio wakes the receivers of a `watch` in an order that it draws, and can't be seeded but by a rebuild of everything. It
//! seeds itself from the standard library's hasher, and that from `getrandom`, which is a weak symbol so that programs may replace it.
//! One process runs one seed, so every process draws the same.

use std::sync::atomic::{AtomicU64, Ordering};

static NEXT: AtomicU64 = AtomicU64::new(0);

/// As `getrandom(2)`, but always the same.
///
/// # Safety
///
/// `buffer` has room for `len` bytes, as the system call asks.
#[allow(unsafe_code, reason = "a symbol of the C library is replaced")]
#[unsafe(no_mangle)]
unsafe extern "C" fn getrandom(buffer: *mut u8, len: usize, _flags: u32) -> isize {
    for at in 0..len {
        let drawn = NEXT.fetch_add(1, Ordering::Relaxed).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // SAFETY: the caller has given room for `len` bytes, and `at` is below.
        unsafe { buffer.add(at).write((drawn >> 56) as u8) };
    }
    len as isize
}
