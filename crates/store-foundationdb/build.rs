//! `foundationdb-sys` asks the linker for `libfdb_c`. It finds this empty archive: the symbols themselves are forwarders
//! ([`src/shim.rs`]) to the library that is loaded when the engine is used. So the binary builds and starts without it.

use std::path::PathBuf;

/// What `ar` writes for an archive without members.
const EMPTY_ARCHIVE: &[u8] = b"!<arch>\n";

fn main() {
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo names it"));
    std::fs::write(out.join("libfdb_c.a"), EMPTY_ARCHIVE).expect("cargo made the folder");
    println!("cargo:rustc-link-search=native={}", out.display());
    println!("cargo:rerun-if-changed=build.rs");
}
