use std::{ops::Range, slice};

use bytes::Bytes;

use crate::{Page, Pair, ReadError, Snapshot, prefix_range};

/// The value of one key.
pub async fn get(snapshot: &dyn Snapshot, key: &Bytes) -> Result<Option<Bytes>, ReadError> {
    let mut values = snapshot.get_many(slice::from_ref(key)).await?;
    Ok(values.pop().flatten())
}

/// All pairs of a range, page by page. For ranges that the caller knows to be small.
pub async fn scan_all(snapshot: &dyn Snapshot, mut range: Range<Bytes>) -> Result<Vec<Pair>, ReadError> {
    let page = Page::DEFAULT;
    let mut all = Vec::new();
    loop {
        let pairs = snapshot.scan(range.clone(), page).await?;
        let last = page.is_short(&pairs);
        range = page.rest(&range, &pairs);
        all.extend(pairs);
        if last {
            return Ok(all);
        }
    }
}

/// All pairs whose keys begin with `prefix`. For prefixes that the caller knows to be small.
pub async fn scan_prefix(snapshot: &dyn Snapshot, prefix: &[u8]) -> Result<Vec<Pair>, ReadError> {
    scan_all(snapshot, prefix_range(prefix)).await
}
