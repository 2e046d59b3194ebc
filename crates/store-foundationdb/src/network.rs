//! The client's network thread: one a process, from the first use to the exit.

#![allow(unsafe_code, reason = "the client's network may be started once a process, which the lock below holds")]

use crate::OpenError;
use crate::shim;
use foundationdb::api::{FdbApiBuilder, NetworkStop};
use parking_lot::Mutex;
use std::ffi::OsStr;
use std::path::Path;
use std::thread::{self, JoinHandle};

/// Found by the system's linker where FoundationDB's packages put it.
const LIBRARY: &str = "libfdb_c.so";

static NETWORK: Mutex<Option<Network>> = Mutex::new(None);

struct Network {
    stop: NetworkStop,
    thread: JoinHandle<()>,
}

/// Loads the library and starts the network, unless that is done. The first call's `library` counts.
pub(crate) fn start(library: Option<&Path>) -> Result<(), OpenError> {
    let mut network = NETWORK.lock();
    if network.is_some() {
        return Ok(());
    }
    let name = library.map_or(OsStr::new(LIBRARY), Path::as_os_str);
    let failed = |why: String| OpenError::Library { library: name.display().to_string(), why };
    shim::load(name).map_err(|error| failed(error.to_string()))?;
    let refused = |error: foundationdb::FdbError| failed(format!("it can't be used: {error}"));
    let (runner, wait) = FdbApiBuilder::default().build().and_then(|builder| builder.build()).map_err(refused)?;
    // SAFETY: it is run once, and stopped before the process's statics go.
    let run = move || unsafe { runner.run() };
    let thread = thread::Builder::new().name("foundationdb".to_owned()).spawn(move || {
        if let Err(error) = run() {
            tracing::error!(%error, "FoundationDB's network thread ended");
        }
    });
    let thread = thread.map_err(|error| failed(format!("its network thread can't be started: {error}")))?;
    *network = Some(Network { stop: wait.wait(), thread });
    Ok(())
}

/// Ends the client, if it was used. Nothing of it may be used behind this, in this process: for the end of `main`. A process that exits
/// without takes the library's statics down under its running thread, and may end by a signal.
pub fn shutdown() {
    let Some(Network { stop, thread }) = NETWORK.lock().take() else { return };
    if stop.stop().is_ok() {
        _ = thread.join();
    }
}
