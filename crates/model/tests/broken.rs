//! The corpus of broken models: each `tests/broken/NAME.toml` has its diagnostics in `NAME.txt`, as they are shown.
//! `cargo test -p sterna-model --test broken -- --ignored` writes the answers anew; read the difference before you commit it.

use std::fs;
use std::path::{Path, PathBuf};

fn models() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/broken");
    let entries = fs::read_dir(folder).expect("the corpus is there").map(|entry| entry.expect("it can be listed").path());
    let mut models: Vec<_> = entries.filter(|path| path.extension().is_some_and(|ext| ext == "toml")).collect();
    models.sort();
    models
}

fn shown(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a model is UTF-8");
    let name = path.file_name().expect("a file has a name").to_string_lossy();
    let (model, diagnostics) = sterna_model::parse(&text);
    assert_eq!(model.is_none(), diagnostics.iter().any(|d| d.is_error()), "{name}: an error and a model exclude each other");
    diagnostics.iter().map(|diagnostic| diagnostic.render(&name, &text) + "\n").collect()
}

#[test]
fn every_broken_model_is_explained() {
    let models = models();
    assert!(models.len() >= 80, "the corpus shrank");
    let mut wrong = String::new();
    for path in models {
        let (shown, expected) = (shown(&path), fs::read_to_string(path.with_extension("txt")).unwrap_or_default());
        assert!(!shown.is_empty(), "{}: nothing is wrong with it", path.display());
        if shown != expected {
            wrong += &format!("== {}\n-- expected\n{expected}-- shown\n{shown}", path.display());
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
#[ignore = "writes the expected answers"]
fn write_the_answers() {
    for path in models() {
        fs::write(path.with_extension("txt"), shown(&path)).expect("the corpus is writable");
    }
}
