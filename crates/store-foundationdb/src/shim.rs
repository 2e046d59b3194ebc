//! The symbols of libfdb_c that the `foundationdb` crate calls, each a jump to the library that was loaded at run time.
//!
//! So the binary links and starts without libfdb_c. A symbol is one instruction or three: no signature is repeated here, arguments
//! stay where the caller put them. [`load`] points all of them at the library; before it has succeeded nothing in this crate calls
//! one, and a call would end the process with a message. FoundationDB's own `fdb_c_shim` does the same in C.

#![allow(unsafe_code, reason = "forwarding to a C library that is loaded at run time; sound because the library is never unloaded")]

use libloading::Library;
use std::ffi::{OsStr, c_void};
use std::sync::atomic::{AtomicPtr, Ordering};

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
compile_error!(
    "the engine `foundationdb` is built for Linux on x86_64 and aarch64; FoundationDB has no client elsewhere that is loaded like this"
);

macro_rules! forward {
    ($($name:ident)*) => {
        $(
            mod $name {
                use super::{AtomicPtr, c_void, missing};

                /// Where the symbol jumps to.
                pub static TARGET: AtomicPtr<c_void> = AtomicPtr::new(missing as *mut c_void);

                #[cfg(target_arch = "x86_64")]
                std::arch::global_asm!(
                    concat!(".globl ", stringify!($name)),
                    concat!(".hidden ", stringify!($name)),
                    concat!(".type ", stringify!($name), ", @function"),
                    concat!(stringify!($name), ":"),
                    "jmp qword ptr [rip + {target}]",
                    concat!(".size ", stringify!($name), ", . - ", stringify!($name)),
                    target = sym TARGET,
                );

                #[cfg(target_arch = "aarch64")]
                std::arch::global_asm!(
                    concat!(".globl ", stringify!($name)),
                    concat!(".hidden ", stringify!($name)),
                    concat!(".type ", stringify!($name), ", @function"),
                    concat!(stringify!($name), ":"),
                    "adrp x16, {target}",
                    "ldr x16, [x16, :lo12:{target}]",
                    "br x16",
                    concat!(".size ", stringify!($name), ", . - ", stringify!($name)),
                    target = sym TARGET,
                );
            }
        )*

        /// Every symbol, as C sees it, and where it jumps to.
        static SYMBOLS: &[(&str, &AtomicPtr<c_void>)] = &[$((concat!(stringify!($name), "\0"), &$name::TARGET)),*];
    };
}

forward! {
    fdb_create_database
    fdb_database_create_transaction fdb_database_destroy fdb_database_get_client_status fdb_database_get_main_thread_busyness
    fdb_database_open_tenant fdb_database_set_option
    fdb_error_predicate
    fdb_future_destroy fdb_future_get_bool fdb_future_get_double fdb_future_get_error fdb_future_get_int64 fdb_future_get_key
    fdb_future_get_key_array fdb_future_get_keyvalue_array fdb_future_get_mappedkeyvalue_array fdb_future_get_string_array
    fdb_future_get_value fdb_future_is_ready fdb_future_set_callback
    fdb_get_error fdb_get_max_api_version
    fdb_network_set_option fdb_run_network fdb_select_api_version_impl fdb_setup_network fdb_stop_network
    fdb_tenant_create_transaction fdb_tenant_destroy fdb_tenant_get_id
    fdb_transaction_add_conflict_range fdb_transaction_atomic_op fdb_transaction_cancel fdb_transaction_clear
    fdb_transaction_clear_range fdb_transaction_commit fdb_transaction_destroy fdb_transaction_get
    fdb_transaction_get_addresses_for_key fdb_transaction_get_approximate_size fdb_transaction_get_committed_version
    fdb_transaction_get_estimated_range_size_bytes fdb_transaction_get_key fdb_transaction_get_mapped_range
    fdb_transaction_get_range fdb_transaction_get_range_split_points fdb_transaction_get_read_version
    fdb_transaction_get_versionstamp fdb_transaction_on_error fdb_transaction_reset fdb_transaction_set
    fdb_transaction_set_option fdb_transaction_set_read_version fdb_transaction_watch
}

/// A call before [`load`], which this crate never makes.
extern "C" fn missing() {
    use std::io::Write;
    _ = writeln!(std::io::stderr(), "sterna: libfdb_c was called before it was loaded");
    std::process::abort();
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum LoadError {
    #[error("{0}")]
    Open(libloading::Error),
    #[error("it has no `{symbol}`, so it is older than 7.3")]
    Symbol { symbol: String },
}

/// Loads libfdb_c, for the life of the process.
pub(crate) fn load(library: &OsStr) -> Result<(), LoadError> {
    // SAFETY: libfdb_c's initializers set up its own statics and nothing of ours.
    let library = unsafe { Library::new(library) }.map_err(LoadError::Open)?;
    let mut found = Vec::with_capacity(SYMBOLS.len());
    for (name, target) in SYMBOLS {
        // SAFETY: only its address is taken here; who calls it does so by the signature of the same release's header.
        let symbol = unsafe { library.get::<*mut c_void>(name.as_bytes()) };
        let symbol = symbol.map_err(|_| LoadError::Symbol { symbol: name.trim_end_matches('\0').to_owned() })?;
        // SAFETY: the address of a symbol is what a jump needs.
        found.push((target, unsafe { symbol.into_raw() }.as_raw_ptr()));
    }
    for (target, address) in found {
        target.store(address, Ordering::Release);
    }
    // Never unloaded: its network thread runs to the end of the process.
    std::mem::forget(library);
    Ok(())
}
