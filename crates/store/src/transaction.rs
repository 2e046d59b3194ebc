use std::ops::Range;

use bytes::Bytes;

use crate::{CommitError, Limits, STAMP_BYTES, Stamp, Version, key_range};

/// What to commit: plain data, pure to build and cheap to try again.
///
/// Writes apply in their order; a later one wins. A transaction doesn't see its own writes: who
/// needs them keeps them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transaction {
    /// The version of the snapshot that was read. Without reads it means nothing.
    pub read_version: Version,
    /// The ranges that were read: if one has changed since, the transaction conflicts.
    pub reads: Vec<Range<Bytes>>,
    /// What to write. Without reads, writes never conflict: the last to commit wins.
    pub writes: Vec<Write>,
}

/// One write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Write {
    /// Sets a key.
    Put {
        /// The key.
        key: Bytes,
        /// Its new value.
        value: Bytes,
    },
    /// Removes every key in the range.
    Clear(Range<Bytes>),
    /// Sets a key after the commit's [`Stamp`] was written over a placeholder in key or value.
    PutStamped {
        /// The key, or its template.
        key: Bytes,
        /// The value, or its template.
        value: Bytes,
        /// Where the stamp goes.
        at: StampAt,
    },
}

/// The offset of the placeholder: any [`STAMP_BYTES`] bytes that the stamp replaces.
///
/// One stamp a write, in the key or in the value, because FoundationDB's atomic operations
/// (`SetVersionstampedKey`, `SetVersionstampedValue`) can't do both; use two writes. A stamped key is
/// unknown until commit, so nothing else in the same transaction can name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StampAt {
    /// In the key, from this byte on.
    Key(usize),
    /// In the value, from this byte on.
    Value(usize),
}

impl Transaction {
    /// A transaction on what a snapshot of `read_version` showed.
    pub fn new(read_version: Version) -> Self {
        Self { read_version, ..Self::default() }
    }

    /// A transaction that reads nothing and therefore never conflicts.
    pub fn blind() -> Self {
        Self::default()
    }

    /// Conflicts if `key` changed.
    pub fn read_key(&mut self, key: &[u8]) -> &mut Self {
        self.reads.push(key_range(key));
        self
    }

    /// Conflicts if anything in `range` changed, appeared or went.
    pub fn read_range(&mut self, range: Range<Bytes>) -> &mut Self {
        self.reads.push(range);
        self
    }

    /// Sets `key`.
    pub fn put(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>) -> &mut Self {
        let (key, value) = (key.into(), value.into());
        self.writes.push(Write::Put { key, value });
        self
    }

    /// Sets `key`, with the commit's stamp written at `at`.
    pub fn put_stamped(&mut self, key: impl Into<Bytes>, value: impl Into<Bytes>, at: StampAt) -> &mut Self {
        let (key, value) = (key.into(), value.into());
        self.writes.push(Write::PutStamped { key, value, at });
        self
    }

    /// Removes `key`.
    pub fn clear_key(&mut self, key: &[u8]) -> &mut Self {
        self.clear(key_range(key))
    }

    /// Removes every key in `range`.
    pub fn clear(&mut self, range: Range<Bytes>) -> &mut Self {
        self.writes.push(Write::Clear(range));
        self
    }

    /// What counts against `transaction_bytes_max`: keys, values and both ends of ranges.
    pub fn bytes(&self) -> usize {
        let ends = |range: &Range<Bytes>| range.start.len() + range.end.len();
        let reads: usize = self.reads.iter().map(ends).sum();
        let writes = self.writes.iter().map(|write| match write {
            Write::Put { key, value } | Write::PutStamped { key, value, .. } => key.len() + value.len(),
            Write::Clear(range) => ends(range),
        });
        reads + writes.sum::<usize>()
    }

    /// Refuses what no engine may commit. Engines call it before they enqueue.
    pub fn check(&self, limits: &Limits) -> Result<(), CommitError> {
        self.reads.iter().try_for_each(|range| check_range(range, limits))?;
        self.writes.iter().try_for_each(|write| check_write(write, limits))?;
        if self.bytes() > limits.transaction_bytes_max {
            return Err(CommitError::TooLarge);
        }
        Ok(())
    }
}

impl StampAt {
    /// `key` and `value` with `stamp` in its place.
    ///
    /// # Panics
    /// If the placeholder doesn't fit; [`Transaction::check`] refuses that.
    pub fn fill(self, key: &Bytes, value: &Bytes, stamp: Stamp) -> (Bytes, Bytes) {
        match self {
            Self::Key(offset) => (overwrite(key, offset, stamp), value.clone()),
            Self::Value(offset) => (key.clone(), overwrite(value, offset, stamp)),
        }
    }
}

fn overwrite(template: &Bytes, offset: usize, stamp: Stamp) -> Bytes {
    let mut bytes = template.to_vec();
    bytes[offset..offset + STAMP_BYTES].copy_from_slice(&stamp.0);
    bytes.into()
}

fn check_write(write: &Write, limits: &Limits) -> Result<(), CommitError> {
    let (key, value) = match write {
        Write::Clear(range) => return check_range(range, limits),
        Write::Put { key, value } | Write::PutStamped { key, value, .. } => (key, value),
    };
    if key.len() > limits.key_bytes_max || value.len() > limits.value_bytes_max {
        return Err(CommitError::TooLarge);
    }
    if key.is_empty() {
        return Err(CommitError::Invalid("a key is empty"));
    }
    if key[0] == 0xff {
        return Err(CommitError::Invalid("keys beginning with 0xff are reserved"));
    }
    if let Write::PutStamped { at, .. } = write {
        check_stamp(*at, key, value)?;
    }
    Ok(())
}

fn check_stamp(at: StampAt, key: &Bytes, value: &Bytes) -> Result<(), CommitError> {
    let (offset, within) = match at {
        StampAt::Key(0) => {
            return Err(CommitError::Invalid("a stamp can't be the first byte of a key"));
        }
        StampAt::Key(offset) => (offset, key.len()),
        StampAt::Value(offset) => (offset, value.len()),
    };
    match offset.checked_add(STAMP_BYTES) {
        Some(end) if end <= within => Ok(()),
        _ => Err(CommitError::Invalid("a stamp doesn't fit where it should go")),
    }
}

fn check_range(range: &Range<Bytes>, limits: &Limits) -> Result<(), CommitError> {
    if range.start.len().max(range.end.len()) > limits.key_bytes_max + 1 {
        return Err(CommitError::TooLarge);
    }
    if range.start > range.end {
        return Err(CommitError::Invalid("a range ends before it starts"));
    }
    if range.end > [0xff_u8][..] {
        return Err(CommitError::Invalid("keys beginning with 0xff are reserved"));
    }
    Ok(())
}
