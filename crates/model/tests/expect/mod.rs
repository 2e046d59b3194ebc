//! Data-driven tests: a folder of inputs, each with what is expected of it in a `.txt` beside it.
//! With `UPDATE_EXPECT=1` the answers are written anew, and nothing is compared: read the difference before you commit it.

#![allow(dead_code, reason = "each test uses a part")]

use std::fs;
use std::path::{Path, PathBuf};

/// The inputs of `tests/FOLDER`, in order of their names.
pub fn cases(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(folder);
    let entries = fs::read_dir(folder).expect("the corpus is there").map(|entry| entry.expect("it can be listed").path());
    let mut cases: Vec<_> = entries.filter(|path| path.extension().is_some_and(|found| found == extension)).collect();
    cases.sort();
    cases
}

pub fn name(path: &Path) -> String {
    path.file_name().expect("a file has a name").to_string_lossy().into_owned()
}

/// What `shown` makes of each input is in the `.txt` beside it, to the byte.
pub fn check(cases: &[PathBuf], shown: impl Fn(&Path) -> String) {
    let update = is_updating();
    let mut wrong = String::new();
    for path in cases {
        let (shown, answer) = (shown(path), path.with_extension("txt"));
        if update {
            fs::write(&answer, &shown).expect("the corpus is writable");
            continue;
        }
        let expected = fs::read_to_string(&answer).unwrap_or_default();
        if shown != expected {
            wrong += &format!("== {}\n-- expected\n{expected}-- shown\n{shown}", path.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

fn is_updating() -> bool {
    std::env::var_os("UPDATE_EXPECT").is_some_and(|value| value == "1")
}
