//! A look at fjall's journals before fjall opens them.
//!
//! fjall 3.1 takes the end of a journal, wherever it finds something unreadable, for the end of what
//! was written: damage in the middle would silently take away everything after it. And it refuses a
//! last batch of which a power loss kept only some pages, though nobody was told that it is committed.
//! So: a torn end is cut off here, and damage with whole batches after it is reported.
//!
//! The format, little-endian: a batch is a start (`1`, item count `u32`, sequence number `u64`), its
//! items and an end (`3`, xxh3 of the items' bytes `u64`, `FJL\x03`). An item is `2`, value type `u8`,
//! compression `u8`, keyspace `u64`, lengths of key `u16`, value `u32` and stored value `u32`, key and
//! stored value; or `4`, keyspace `u64`. Zeros follow where a journal was allocated ahead.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, BufRead, BufReader, ErrorKind, Read, Seek as _, SeekFrom},
    path::{Path, PathBuf},
};

use xxhash_rust::xxh3::Xxh3;

const END_MAGIC: [u8; 4] = *b"FJL\x03";
const START_BYTES: usize = 13;
const READ_BYTES: usize = 1 << 16;

/// What is wrong with the journals.
#[derive(Debug)]
pub(crate) enum Damage {
    Io(PathBuf, io::Error),
    /// Readable batches follow what can't be read: it isn't the end.
    Middle {
        journal: PathBuf,
        offset: u64,
    },
}

/// Cuts a torn end off the newest journal in fjall's folder. With `unsynced`, batches were not
/// synced one by one, so that the first hole ends what is certain, whatever follows it.
pub(crate) fn mend(data: &Path, unsynced: bool) -> Result<(), Damage> {
    let journals = journals(data).map_err(|error| Damage::Io(data.into(), error))?;
    for (n, journal) in journals.iter().enumerate() {
        let newest = n + 1 == journals.len();
        let io = |error| Damage::Io(journal.clone(), error);
        let mut file = File::open(journal).map_err(io)?;
        let offset = end_of_batches(&file).map_err(io)?;
        let rest = rest(&mut file, offset).map_err(io)?;
        if rest.is_empty() {
            continue;
        }
        if !newest || (!unsynced && has_batch(&rest)) {
            let journal = journal.clone();
            return Err(Damage::Middle { journal, offset });
        }
        tracing::warn!(?journal, offset, bytes = rest.len(), "cut off a torn end");
        let file = OpenOptions::new().write(true).open(journal).map_err(io)?;
        file.set_len(offset).and_then(|()| file.sync_all()).map_err(io)?;
    }
    Ok(())
}

/// The journals, oldest first. Other files are fjall's to judge.
fn journals(data: &Path) -> io::Result<Vec<PathBuf>> {
    let mut numbered = Vec::new();
    for entry in fs::read_dir(data)? {
        let path = entry?.path();
        let stem = path.file_stem().and_then(|stem| stem.to_str());
        let number = stem.and_then(|stem| stem.parse::<u64>().ok());
        if let Some(number) = number
            && path.extension().is_some_and(|extension| extension == "jnl")
        {
            numbered.push((number, path));
        }
    }
    numbered.sort();
    Ok(numbered.into_iter().map(|(_, path)| path).collect())
}

/// The offset after the last of the whole batches with which a journal begins.
fn end_of_batches(file: &File) -> io::Result<u64> {
    let mut reader = BufReader::with_capacity(READ_BYTES, file);
    let mut offset = 0;
    while let Some(bytes) = whole_batch(&mut reader)? {
        offset += bytes;
    }
    Ok(offset)
}

/// What follows `offset`, without the zeros at its end.
fn rest(file: &mut File, offset: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(offset))?;
    let mut rest = Vec::new();
    let mut chunk = vec![0; READ_BYTES];
    let mut zeros = 0;
    loop {
        let read = file.read(&mut chunk)?;
        if read == 0 {
            return Ok(rest);
        }
        match chunk[..read].iter().rposition(|byte| *byte != 0) {
            None => zeros += read,
            Some(last) => {
                rest.resize(rest.len() + zeros, 0);
                rest.extend_from_slice(&chunk[..=last]);
                zeros = read - last - 1;
            }
        }
    }
}

/// Whether a whole batch begins anywhere in `bytes`.
fn has_batch(bytes: &[u8]) -> bool {
    let starts = (0..bytes.len()).filter(|at| bytes[*at] == 1);
    starts.into_iter().any(|at| matches!(whole_batch(&mut &bytes[at..]), Ok(Some(_))))
}

/// Reads one batch and returns its length, or nothing if there isn't a whole one.
fn whole_batch(reader: &mut impl BufRead) -> io::Result<Option<u64>> {
    match read_batch(reader) {
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(None),
        other => other,
    }
}

fn read_batch(reader: &mut impl BufRead) -> io::Result<Option<u64>> {
    let start: [u8; START_BYTES] = array(reader)?;
    let [1, a, b, c, d, ..] = start else {
        return Ok(None);
    };
    let mut bytes = START_BYTES as u64;
    let mut hash = Xxh3::new();
    for _ in 0..u32::from_le_bytes([a, b, c, d]) {
        match read_item(reader, &mut hash)? {
            Some(item) => bytes += item,
            None => return Ok(None),
        }
    }
    let [tag] = array(reader)?;
    let checksum = u64::from_le_bytes(array(reader)?);
    let magic: [u8; 4] = array(reader)?;
    let whole = tag == 3 && checksum == hash.digest() && magic == END_MAGIC;
    Ok(whole.then_some(bytes + 13))
}

fn read_item(reader: &mut impl BufRead, hash: &mut Xxh3) -> io::Result<Option<u64>> {
    let [tag] = array(reader)?;
    hash.update(&[tag]);
    match tag {
        2 => {
            let head: [u8; 20] = array(reader)?;
            hash.update(&head);
            let [.., k0, k1, _, _, _, _, v0, v1, v2, v3] = head;
            let key = u64::from(u16::from_le_bytes([k0, k1]));
            let value = u64::from(u32::from_le_bytes([v0, v1, v2, v3]));
            hash_next(reader, key + value, hash)?;
            Ok(Some(1 + 20 + key + value))
        }
        4 => {
            hash.update(&array::<8>(reader)?);
            Ok(Some(1 + 8))
        }
        _ => Ok(None),
    }
}

fn array<const N: usize>(reader: &mut impl BufRead) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    reader.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn hash_next(reader: &mut impl BufRead, mut bytes: u64, hash: &mut Xxh3) -> io::Result<()> {
    while bytes > 0 {
        let available = reader.fill_buf()?;
        if available.is_empty() {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let part = available.len().min(usize::try_from(bytes).unwrap_or(usize::MAX));
        hash.update(&available[..part]);
        reader.consume(part);
        bytes -= part as u64;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
