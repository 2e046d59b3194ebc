//! Records and the batches that Fluvio keeps them in.

use crate::options::Compression;
use bytes::{BufMut, Bytes};
use fluvio::metadata::topic::CompressionAlgorithm;
use fluvio_protocol::record::{Batch, RawRecords, RecordSet};

/// What a batch has beside its records, after the length that it says.
const BATCH_HEADER_BYTES: usize = 45;

impl Compression {
    fn codec(self) -> fluvio::Compression {
        match self {
            Self::None => fluvio::Compression::None,
            Self::Gzip => fluvio::Compression::Gzip,
            Self::Snappy => fluvio::Compression::Snappy,
            Self::Lz4 => fluvio::Compression::Lz4,
            Self::Zstd => fluvio::Compression::Zstd,
        }
    }

    pub(crate) fn of_topic(self) -> CompressionAlgorithm {
        match self {
            Self::None => CompressionAlgorithm::None,
            Self::Gzip => CompressionAlgorithm::Gzip,
            Self::Snappy => CompressionAlgorithm::Snappy,
            Self::Lz4 => CompressionAlgorithm::Lz4,
            Self::Zstd => CompressionAlgorithm::Zstd,
        }
    }
}

/// A batch of one record without a key. Byte for byte what the client would make, whose encoder takes a record byte by byte.
pub(crate) fn batch(value: &[u8], compression: Compression, now_ms: i64) -> Result<Batch<RawRecords>, String> {
    let mut record = Vec::with_capacity(value.len() + 16);
    // Attributes, the differences of time and offset, no key.
    record.put_slice(&[0, 0, 0, 0]);
    put_varint(&mut record, value.len() as i64);
    record.put_slice(value);
    // No headers.
    record.put_u8(0);
    let mut records = Vec::with_capacity(record.len() + 16);
    records.put_i32(1);
    put_varint(&mut records, record.len() as i64);
    records.put_slice(&record);
    let records = match compression {
        Compression::None => Bytes::from(records),
        compression => compression.codec().compress(&records).map_err(|e| format!("compression: {e}"))?,
    };
    let mut batch = Batch::default();
    batch.header.last_offset_delta = 0;
    batch.header.first_timestamp = now_ms;
    batch.header.max_time_stamp = now_ms;
    batch.header.set_compression(compression.codec());
    *batch.mut_records() = RawRecords(records);
    Ok(batch)
}

/// Zigzag, then seven bits a byte, the lowest first.
fn put_varint(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.put_u8(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.put_u8(rest as u8);
}

/// What of an answer is whole: an answer is cut off wherever it reaches the size asked for.
#[derive(Debug, Default)]
pub(crate) struct Whole {
    /// Offsets and values, in order and without a gap.
    pub records: Vec<(i64, Bytes)>,
    /// What comes behind them.
    pub next: i64,
    /// Something came that is of no use: more must be asked for, or again.
    pub cut: bool,
    /// The answer begins behind what was asked for.
    pub gap: bool,
}

/// The records from `offset` on that an answer holds entirely.
pub(crate) fn whole(set: RecordSet<RawRecords>, offset: i64) -> Result<Whole, String> {
    let mut found = Whole { next: offset, ..Whole::default() };
    for batch in set.batches {
        let expected = usize::try_from(batch.batch_len).unwrap_or(0);
        if batch.records().0.len() + BATCH_HEADER_BYTES != expected {
            found.cut = true;
            break;
        }
        let (base, length) = (batch.base_offset, batch.records_len() as i64);
        if base + length <= found.next {
            continue;
        }
        if base > found.next {
            found.gap = true;
            break;
        }
        let values = batch.memory_records().map_err(|e| format!("records that can't be read: {e}"))?;
        if values.len() as i64 != length {
            return Err(format!("a batch with {} records that says it has {length}", values.len()));
        }
        let new = (base..).zip(values).filter(|(at, _)| *at >= found.next);
        found.records.extend(new.map(|(at, record)| (at, Bytes::from_owner(record.value))));
        found.next = base + length;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use fluvio_protocol::record::{Record, RecordData};
    use fluvio_protocol::{Decoder, Encoder};

    fn encoded(batch: &Batch<RawRecords>) -> Vec<u8> {
        let mut out = Vec::new();
        batch.encode(&mut out, 0).unwrap();
        out
    }

    #[test]
    fn batches_are_what_the_client_makes() {
        for length in [0, 1, 63, 64, 8_191, 8_192, 1 << 20] {
            let value: Vec<u8> = (0..length).map(|n| (n * 7) as u8).collect();
            let mut client = Batch::from(vec![Record::new(RecordData::from(value.clone()))]);
            (client.header.first_timestamp, client.header.max_time_stamp) = (5, 5);
            let client: Batch<RawRecords> = client.try_into().unwrap();
            assert!(encoded(&batch(&value, Compression::None, 5).unwrap()) == encoded(&client), "{length} bytes");
        }
    }

    fn answer(bytes: &[u8]) -> RecordSet<RawRecords> {
        let mut framed = (bytes.len() as i32).to_be_bytes().to_vec();
        framed.extend_from_slice(bytes);
        let mut set = RecordSet::default();
        set.decode(&mut framed.as_slice(), 0).unwrap();
        set
    }

    #[test]
    fn of_an_answer_that_was_cut_anywhere_only_what_is_whole_is_taken() {
        for compression in [Compression::None, Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd] {
            let (mut bytes, mut ends) = (Vec::new(), Vec::new());
            for n in 0..4_i64 {
                let mut batch = batch(&[n as u8; 40], compression, 1).unwrap();
                batch.base_offset = 10 + n;
                bytes.extend(encoded(&batch));
                ends.push(bytes.len());
            }
            for length in 0..=bytes.len() {
                let found = whole(answer(&bytes[..length]), 11).unwrap();
                let there = ends.iter().filter(|end| **end <= length).count() as i64;
                assert_eq!(found.next, (10 + there).max(11), "{length} bytes");
                let expected: Vec<(i64, Bytes)> = (1..there).map(|n| (10 + n, vec![n as u8; 40].into())).collect();
                assert_eq!(found.records, expected);
            }
        }
    }

    #[test]
    fn a_gap_is_told() {
        let mut batch = batch(b"late", Compression::None, 1).unwrap();
        batch.base_offset = 12;
        let found = whole(answer(&encoded(&batch)), 11).unwrap();
        assert!(found.gap && found.records.is_empty() && found.next == 11);
    }
}
