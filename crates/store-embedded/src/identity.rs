//! Whether a folder is the one that was created, or a copy of it.
//!
//! The file IDENTITY names its own inode and time of birth, which no copy, archive or restore
//! keeps, and a random id. A folder that was moved within its file system is no copy. An image of
//! the whole disk can't be told from the disk.

use std::{
    fs::{self, File},
    io::{self, ErrorKind, Read as _, Write as _},
    os::unix::fs::MetadataExt as _,
    path::Path,
    time::UNIX_EPOCH,
};

use crate::folder::sync_folder;

/// What IDENTITY says, and whether it speaks of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// 16 random bytes in hexadecimal, drawn when the folder was created or accepted as a copy.
    pub(crate) id: String,
    pub(crate) copied: bool,
}

impl Identity {
    /// Reads the identity of a folder; a folder without one gets one.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        match File::open(folder.join("IDENTITY")) {
            Ok(file) => Self::read(file),
            Err(error) if error.kind() == ErrorKind::NotFound => Self::create(folder),
            Err(error) => Err(error),
        }
    }

    /// Gives the folder a new identity: it is an original from now on.
    pub(crate) fn create(folder: &Path) -> io::Result<Self> {
        let (path, new) = (folder.join("IDENTITY"), folder.join("IDENTITY.new"));
        match fs::remove_file(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::create_new(&new)?;
        let id = random_id()?;
        let own = fingerprint(&file)?;
        writeln!(file, "{own}id = {id}")?;
        file.sync_all()?;
        fs::rename(&new, &path)?;
        sync_folder(&path)?;
        Ok(Self { id, copied: false })
    }

    fn read(mut file: File) -> io::Result<Self> {
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        let Some((recorded, id)) = text.split_once("id = ") else {
            return Err(io::Error::new(ErrorKind::InvalidData, "IDENTITY has no id"));
        };
        Ok(Self { id: id.trim().to_owned(), copied: recorded != fingerprint(&file)? })
    }
}

/// The device isn't part of it: its number may change with every boot.
fn fingerprint(file: &File) -> io::Result<String> {
    let metadata = file.metadata()?;
    let born = metadata.created().ok();
    let born_ns =
        born.and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or_else(|| "unknown".to_owned(), |age| age.as_nanos().to_string());
    Ok(format!("inode = {}\nborn_ns = {born_ns}\n", metadata.ino()))
}

fn random_id() -> io::Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_original_stays_one_also_when_moved() {
        let base = tempfile::tempdir().unwrap();
        let (old, new) = (base.path().join("old"), base.path().join("new"));
        fs::create_dir(&old).unwrap();
        let created = Identity::open(&old).unwrap();
        assert_eq!(Identity::open(&old).unwrap(), created);
        fs::rename(&old, &new).unwrap();
        assert_eq!(Identity::open(&new).unwrap(), created);
    }

    #[test]
    fn a_copy_is_one_until_it_is_accepted() {
        let base = tempfile::tempdir().unwrap();
        let (old, new) = (base.path().join("old"), base.path().join("new"));
        fs::create_dir(&old).unwrap();
        fs::create_dir(&new).unwrap();
        let original = Identity::open(&old).unwrap();
        fs::copy(old.join("IDENTITY"), new.join("IDENTITY")).unwrap();
        for _ in 0..2 {
            let copy = Identity::open(&new).unwrap();
            assert_eq!((&copy.id, copy.copied), (&original.id, true));
        }
        let accepted = Identity::create(&new).unwrap();
        assert_ne!(accepted.id, original.id);
        assert_eq!(Identity::open(&new).unwrap(), accepted);
        assert!(!accepted.copied);
    }
}
