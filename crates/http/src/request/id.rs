//! Request ids: the client's, or ours.

use crate::headers::REQUEST_ID;
use crate::limits::HEADER_TEXT_MAX;
use http::{HeaderMap, HeaderValue};
use std::sync::atomic::{AtomicU64, Ordering};
use sterna_env::Env;

/// Visible ASCII, at most [`HEADER_TEXT_MAX`] bytes.
#[derive(Clone, Debug)]
pub(crate) struct RequestId(HeaderValue);

/// Makes ids that no other process of the cluster makes, at no cost.
#[derive(Debug)]
pub(crate) struct RequestIds {
    first: u64,
    count: AtomicU64,
}

/// Odd, so that counting by it visits every number.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl RequestIds {
    pub fn new(env: &Env) -> Self {
        Self { first: env.random_u64(), count: AtomicU64::new(0) }
    }

    /// The client's id if it can be kept.
    pub fn of(&self, headers: &HeaderMap) -> RequestId {
        let given = headers.get(REQUEST_ID).filter(|id| {
            let bytes = id.as_bytes();
            (1..=HEADER_TEXT_MAX).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic)
        });
        RequestId(given.cloned().unwrap_or_else(|| self.make()))
    }

    fn make(&self) -> HeaderValue {
        let id = self.first.wrapping_add(self.count.fetch_add(1, Ordering::Relaxed).wrapping_mul(STEP));
        HeaderValue::from_str(&format!("{id:016x}")).expect("hexadecimal digits are visible")
    }
}

impl RequestId {
    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }

    pub fn header(&self) -> HeaderValue {
        self.0.clone()
    }
}
