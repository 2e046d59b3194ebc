//! The corpus of broken models: each `tests/broken/NAME.toml` has its diagnostics in `NAME.txt`, as they are shown.
//! `UPDATE_EXPECT=1 cargo test -p sterna-model --test broken` writes the answers anew; read the difference before you commit it.

mod expect;

use std::fs;
use std::path::Path;

fn shown(path: &Path) -> String {
    let text = fs::read_to_string(path).expect("a model is UTF-8");
    let name = expect::name(path);
    let (model, diagnostics) = sterna_model::parse(&text);
    assert_eq!(model.is_none(), diagnostics.iter().any(|d| d.is_error()), "{name}: an error and a model exclude each other");
    assert!(!diagnostics.is_empty(), "{name}: nothing is wrong with it");
    diagnostics.iter().map(|diagnostic| diagnostic.render(&name, &text) + "\n").collect()
}

#[test]
fn every_broken_model_is_explained() {
    let models = expect::cases("broken", "toml");
    assert!(models.len() >= 80, "the corpus shrank");
    expect::check(&models, shown);
}
