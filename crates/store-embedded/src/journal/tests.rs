use std::io::Write as _;

use fjall::{Database, KeyspaceCreateOptions, PersistMode};

use super::*;

/// fjall's folder with one batch for each of `values`, closed; and where each batch ends.
fn written(folder: &Path, values: &[Vec<u8>]) -> Vec<u64> {
    let database = Database::builder(folder).open().unwrap();
    let keyspace = database.keyspace("k", KeyspaceCreateOptions::default).unwrap();
    let end = || end_of_batches(&File::open(journal(folder)).unwrap()).unwrap();
    let write = |(n, value): (usize, &Vec<u8>)| {
        let mut batch = database.batch().durability(Some(PersistMode::SyncData));
        batch.insert(&keyspace, format!("{n:04}"), value.as_slice());
        batch.remove(&keyspace, "nothing");
        batch.commit().unwrap();
        end()
    };
    values.iter().enumerate().map(write).collect()
}

fn journal(folder: &Path) -> PathBuf {
    journals(folder).unwrap().pop().unwrap()
}

fn kept(folder: &Path) -> usize {
    let database = Database::builder(folder).open().unwrap();
    let keyspace = database.keyspace("k", KeyspaceCreateOptions::default).unwrap();
    keyspace.len().unwrap()
}

fn damage(folder: &Path, offset: u64, bytes: &[u8]) {
    let mut file = OpenOptions::new().write(true).open(journal(folder)).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    file.write_all(bytes).unwrap();
}

fn values() -> Vec<Vec<u8>> {
    // Small ones, compressed ones, and one over several pages that can't be compressed.
    let noise = |length: u64| (0..length).map(|n| (n.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_pow(3) >> 29) as u8);
    vec![b"small".to_vec(), vec![b'x'; 10_000], noise(3_000).collect(), noise(20_000).collect()]
}

#[test]
fn reads_what_fjall_writes() {
    let folder = tempfile::tempdir().unwrap();
    let ends = written(folder.path(), &values());
    assert!(ends.is_sorted_by(|a, b| a < b));
    mend(folder.path(), false).unwrap();
    assert_eq!(kept(folder.path()), 4);
}

#[test]
fn a_last_batch_of_which_pages_are_missing_is_cut_off() {
    let folder = tempfile::tempdir().unwrap();
    let ends = written(folder.path(), &values());
    damage(folder.path(), ends[2] + 8_192, &[0; 4_096]);
    mend(folder.path(), false).unwrap();
    assert_eq!(kept(folder.path()), 3);
}

#[test]
fn a_journal_cut_anywhere_keeps_the_batches_before() {
    let folder = tempfile::tempdir().unwrap();
    let ends = written(folder.path(), &values());
    for back in [1, 4, 12, 13, 14, 30, 5_000, 19_000, 20_049] {
        let copy = tempfile::tempdir().unwrap();
        let ends_copy = written(copy.path(), &values());
        assert_eq!(ends_copy, ends);
        let file = OpenOptions::new().write(true).open(journal(copy.path()));
        file.unwrap().set_len(ends[3] - back).unwrap();
        mend(copy.path(), false).unwrap();
        assert_eq!(kept(copy.path()), 3, "cut {back} bytes before the end");
    }
}

#[test]
fn damage_before_whole_batches_is_reported_where_all_were_synced() {
    let folder = tempfile::tempdir().unwrap();
    let ends = written(folder.path(), &values());
    damage(folder.path(), ends[0] + 100, b"rot");
    let damage = mend(folder.path(), false).unwrap_err();
    assert!(matches!(damage, Damage::Middle { offset, .. } if offset == ends[0]));
    mend(folder.path(), true).unwrap();
    assert_eq!(kept(folder.path()), 1);
}
