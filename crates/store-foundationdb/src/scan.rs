//! Pages of a range.

use crate::limits::ROWS_MAX;
use crate::subspace::Subspace;
use bytes::Bytes;
use foundationdb::options::StreamingMode;
use foundationdb::{FdbResult, KeySelector, RangeOption, Transaction};
use std::ops::Range;
use sterna_store::{Page, Pair};

/// As [`sterna_store::Snapshot::scan`] promises: FoundationDB's own pages are joined until this one is full.
pub(crate) async fn scan(t: &Transaction, subspace: &Subspace, range: Range<Bytes>, page: Page) -> FdbResult<Vec<Pair>> {
    let mut pairs = Vec::new();
    let Some((mut start, mut end)) = subspace.range(&range) else { return Ok(pairs) };
    let mut bytes = 0;
    while pairs.len() < page.limit {
        let options = RangeOption {
            limit: Some((page.limit - pairs.len()).min(ROWS_MAX)),
            mode: StreamingMode::WantAll,
            reverse: page.reverse,
            ..RangeOption::from((KeySelector::first_greater_or_equal(&start[..]), KeySelector::first_greater_or_equal(&end[..])))
        };
        let rows = t.get_range(&options, 1, true).await?;
        for row in &rows {
            let pair = (subspace.strip(row.key()), Bytes::copy_from_slice(row.value()));
            bytes += pair.0.len() + pair.1.len();
            pairs.push(pair);
            if bytes >= page.bytes {
                return Ok(pairs);
            }
        }
        let Some(last) = rows.last().filter(|_| rows.more()) else { break };
        if page.reverse {
            end = last.key().to_vec();
        } else {
            start = [last.key(), &[0]].concat();
        }
    }
    Ok(pairs)
}
