//! A lane: tests of one engine that share its clusters, and that are ignored where there is no engine.

use libtest_mimic::{Failed, Trial};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// A test of a lane; ignored, and never passed, without one.
pub fn trial<Lane: Send + Sync + 'static>(name: &str, test: fn(&Lane), lane: Option<Arc<Lane>>, ignored: bool) -> Trial {
    let run = move || {
        let lane = lane.ok_or_else(|| Failed::from("the engine is not installed here"))?;
        catch_unwind(AssertUnwindSafe(|| test(&lane))).map_err(|panic| {
            let text = panic.downcast_ref::<String>().cloned().or_else(|| panic.downcast_ref::<&str>().map(|s| (*s).to_owned()));
            Failed::from(text.unwrap_or_default())
        })
    };
    Trial::test(name, run).with_ignored_flag(ignored)
}

/// Runs a future as one test's body.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}
