//! The memory engine, as the suite sees it: at once, with delayed commits, and not alone.

use std::sync::Arc;

use sterna_store::{Limits, Memory, Store};

mod at_once {
    use super::*;

    async fn open() -> Arc<dyn Store> {
        Arc::new(Memory::default())
    }

    sterna_store::conformance!(open);
}

mod delayed {
    use super::*;

    async fn open() -> Arc<dyn Store> {
        let store = Memory::new(Limits::default(), 100);
        let pause = || Box::pin(tokio::task::yield_now()) as _;
        store.faults().delay(Some(Arc::new(pause)));
        Arc::new(store)
    }

    sterna_store::conformance!(open);
}
