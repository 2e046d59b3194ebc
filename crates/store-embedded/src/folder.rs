//! The folder of a store: its lock, its marker, and where things are.
//!
//! ```text
//! STERNA     the marker: what this folder is, of which format and kind
//! LOCK       locked while open; holds the process id
//! IDENTITY   see `identity`
//! data/      fjall's
//! ```

use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, ErrorKind, Write as _},
    path::{Path, PathBuf},
    process,
};

use crate::{Kind, OpenError};

/// The newest format: how keys of fjall stand for keys of the contract.
const FORMAT: u32 = 1;
const TITLE: &str = "sterna store";

/// An open folder. Locked until it is dropped.
pub(crate) struct Folder {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens or creates the folder, for this process alone.
    pub(crate) fn open(path: &Path, kind: Kind) -> Result<Self, OpenError> {
        fs::create_dir_all(path).map_err(OpenError::io(path))?;
        if !path.join("STERNA").exists() && !is_ours_to_create(path)? {
            return Err(OpenError::Foreign { path: path.into(), what: "it has other files".into() });
        }
        let folder = Self { path: path.into(), _lock: lock(path)? };
        folder.check_or_write_marker(kind)?;
        Ok(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Whether fjall's folder was created.
    pub(crate) fn has_data(&self) -> bool {
        self.data().exists()
    }

    /// Creates fjall's folder as a whole, since fjall can't go on with one that was half created when
    /// its process was killed.
    pub(crate) fn create_data(&self, create: impl FnOnce(&Path) -> fjall::Result<()>) -> fjall::Result<()> {
        let (new, data) = (self.path.join("data.new"), self.data());
        match fs::remove_dir_all(&new) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error.into()),
            _ => {}
        }
        create(&new)?;
        fs::rename(&new, &data)?;
        Ok(sync_folder(&data)?)
    }

    fn check_or_write_marker(&self, kind: Kind) -> Result<(), OpenError> {
        let path = self.path.join("STERNA");
        match fs::read_to_string(&path) {
            Ok(text) => self.check_marker(&text, kind),
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let text = format!("{TITLE}\nformat = {FORMAT}\nkind = {}\n", kind.name());
                write_durably(&path, text.as_bytes()).map_err(OpenError::io(path))
            }
            Err(error) => Err(OpenError::Io { path, error }),
        }
    }

    fn check_marker(&self, text: &str, kind: Kind) -> Result<(), OpenError> {
        let path = self.path.clone();
        let mut lines = text.lines();
        if lines.next() != Some(TITLE) {
            let what = "its STERNA file is something else".into();
            return Err(OpenError::Foreign { path, what });
        }
        let format = lines.next().and_then(|line| line.strip_prefix("format = "));
        let Some(found) = format.and_then(|text| text.parse::<u32>().ok()) else {
            let what = "its STERNA file has no format".into();
            return Err(OpenError::Corrupt { path, what });
        };
        if found > FORMAT {
            let known = FORMAT;
            return Err(OpenError::Newer { path, found, known });
        }
        match lines.next().and_then(|line| line.strip_prefix("kind = ")) {
            Some(found) if found == kind.name() => Ok(()),
            Some(found) => Err(OpenError::OtherKind { path, expected: kind.name(), found: found.into() }),
            None => {
                let what = "its STERNA file has no kind".into();
                Err(OpenError::Corrupt { path, what })
            }
        }
    }
}

/// Writes a file so that after a crash it has its old content or its new one.
pub(crate) fn write_durably(path: &Path, content: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(content)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    sync_folder(path)
}

/// Makes the entry of `path` in its folder durable.
pub(crate) fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => File::open(folder)?.sync_all(),
        None => Ok(()),
    }
}

/// Empty, but for what a start that was killed early leaves, and what file systems put there.
fn is_ours_to_create(path: &Path) -> Result<bool, OpenError> {
    const IGNORED: [&str; 3] = ["LOCK", "STERNA.new", "lost+found"];
    for entry in fs::read_dir(path).map_err(OpenError::io(path))? {
        let name = entry.map_err(OpenError::io(path))?.file_name();
        if !IGNORED.iter().any(|ignored| name == *ignored) {
            return Ok(false);
        }
    }
    Ok(true)
}

fn lock(folder: &Path) -> Result<File, OpenError> {
    let path = folder.join("LOCK");
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let mut file = options.open(&path).map_err(OpenError::io(&path))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let holder = fs::read_to_string(&path).ok();
            return Err(OpenError::Locked { path: folder.into(), holder: holder.map(|pid| pid.trim().to_owned()) });
        }
        Err(TryLockError::Error(error)) => return Err(OpenError::Io { path, error }),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", process::id())).map_err(OpenError::io(&path))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(path: &Path) -> OpenError {
        Folder::open(path, Kind::Write).err().unwrap()
    }

    #[test]
    fn a_missing_folder_is_created_and_opens_again() {
        let base = tempfile::tempdir().unwrap();
        let path = base.path().join("a/b");
        drop(Folder::open(&path, Kind::Write).unwrap());
        drop(Folder::open(&path, Kind::Write).unwrap());
    }

    #[test]
    fn an_open_folder_is_refused_and_says_who_has_it() {
        let base = tempfile::tempdir().unwrap();
        let _open = Folder::open(base.path(), Kind::Write).unwrap();
        let text = refusal(base.path()).to_string();
        assert!(text.contains(&format!("by process {}", process::id())), "{text}");
    }

    #[test]
    fn a_newer_format_is_refused() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("STERNA"), "sterna store\nformat = 2\nmore\n").unwrap();
        let refusal = refusal(base.path());
        assert!(matches!(refusal, OpenError::Newer { found: 2, known: 1, .. }));
    }

    #[test]
    fn another_kind_is_refused() {
        let base = tempfile::tempdir().unwrap();
        drop(Folder::open(base.path(), Kind::Read).unwrap());
        assert!(matches!(refusal(base.path()), OpenError::OtherKind { .. }));
    }

    #[test]
    fn foreign_and_damaged_folders_are_refused() {
        let base = tempfile::tempdir().unwrap();
        fs::write(base.path().join("thesis.tex"), "x").unwrap();
        assert!(matches!(refusal(base.path()), OpenError::Foreign { .. }));
        fs::write(base.path().join("STERNA"), "arctic tern").unwrap();
        assert!(matches!(refusal(base.path()), OpenError::Foreign { .. }));
        fs::write(base.path().join("STERNA"), "sterna store\n").unwrap();
        assert!(matches!(refusal(base.path()), OpenError::Corrupt { .. }));
    }
}
