//! An order in which the rows of a view are kept: what can be asked for.

use crate::keys::order;
use crate::limits::PATHS_MAX;
use sterna_crdt::Value;
use sterna_model::{View, ViewKind};

/// Columns by which rows are ordered, and whether each is descending. Rows with equal ones are ordered by their source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Path(pub Vec<(usize, bool)>);

impl Path {
    /// A rollup is ordered by its group. A table has an order for each index, its columns and then those of `sort`, and one by
    /// `sort` if it has no index. A column that `sort` has descending is so in an index, too: a filter by the columns before it
    /// gives rows in the order of `sort`.
    pub fn of(view: &View) -> Vec<Self> {
        match &view.kind {
            ViewKind::Rollup { group, .. } => vec![Self((0..group.len()).map(|column| (column, false)).collect())],
            ViewKind::Table { indexes, sort, .. } if indexes.is_empty() => vec![Self::join(&[], sort)],
            ViewKind::Table { indexes, sort, .. } => indexes.iter().take(PATHS_MAX).map(|index| Self::join(index, sort)).collect(),
        }
    }

    fn join(index: &[usize], sort: &[(usize, bool)]) -> Self {
        let descending = |column: usize| sort.iter().any(|&(sorted, descending)| sorted == column && descending);
        let mut columns: Vec<_> = index.iter().map(|&column| (column, descending(column))).collect();
        for &(column, descending) in sort {
            if columns.iter().all(|(there, _)| *there != column) {
                columns.push((column, descending));
            }
        }
        Self(columns)
    }

    pub fn put(&self, row: &[Value], key: &mut Vec<u8>) {
        for &(column, descending) in &self.0 {
            order::put(row.get(column).unwrap_or(&Value::Null), descending, key);
        }
    }

    /// Whether a filter by values of `equal` columns, in any order, and a range of `range` is one stretch of this order.
    pub fn fits(&self, equal: &[usize], range: Option<usize>) -> bool {
        let Some((first, rest)) = self.0.split_at_checked(equal.len()) else { return false };
        first.iter().all(|(column, _)| equal.contains(column))
            && range.is_none_or(|range| rest.first().is_some_and(|(next, _)| *next == range))
    }

    /// Tells cursors of different orders apart.
    pub fn fingerprint(&self, view: &str) -> u32 {
        let columns = self.0.iter().flat_map(|&(column, descending)| [column as u8, u8::from(descending)]);
        view.bytes().chain(columns).fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_goes_on_with_the_sort_and_takes_its_directions() {
        assert_eq!(Path::join(&[0, 1], &[(4, false)]), Path(vec![(0, false), (1, false), (4, false)]));
        assert_eq!(Path::join(&[0, 1], &[(1, true)]), Path(vec![(0, false), (1, true)]));
        assert_eq!(Path::join(&[], &[(2, true), (0, false)]), Path(vec![(2, true), (0, false)]));
    }

    #[test]
    fn a_filter_fits_the_first_columns_and_a_range_the_next() {
        let path = Path(vec![(3, false), (1, true), (2, false)]);
        assert!(path.fits(&[], None) && path.fits(&[], Some(3)) && path.fits(&[3], Some(1)) && path.fits(&[1, 3], Some(2)));
        assert!(path.fits(&[1, 2, 3], None));
        assert!(!path.fits(&[1], None) && !path.fits(&[], Some(1)) && !path.fits(&[1, 3], Some(3)) && !path.fits(&[0, 1, 2, 3], None));
    }
}
