//! The model that the simulated cluster runs, and what the checkers know of it.

use std::collections::BTreeMap;
use sterna_checkers::{Kind, Schema};

const TEXT: &str = include_str!("model.toml");

/// Version 2 has a field and an optional argument more, and another rule between sets of a note.
pub fn model_text(version: u32, window: &str) -> String {
    let (field, arg) = if version > 1 { ("extra = \"string?\"", ", extra = \"string?\"") } else { ("", "") };
    let rule = if version > 1 { "{ prefer = ['eu', 'ap'] }" } else { "'latest'" };
    TEXT.replace("NOTE_RULE", rule)
        .replace("VERSION", &version.to_string())
        .replace("WINDOW", window)
        .replace("EXTRA_FIELD", field)
        .replace("EXTRA_ARG", arg)
}

/// Written by hand beside the model: the checkers trust nothing that the model's compiler says.
pub fn schemas(version: u32) -> BTreeMap<String, Schema> {
    let counters = || Kind::Map(Kind::Counter.into());
    let schema = |fields: &[(&str, Kind)]| fields.iter().map(|(name, kind)| ((*name).to_owned(), kind.clone())).collect::<Schema>();
    let mut thing = schema(&[
        ("marks", counters()),
        ("total", Kind::Counter),
        // Of the regions the third, `eu`, then the first, `ap`.
        ("note", Kind::Turns(vec![Kind::Latest, Kind::Prefer(vec![2, 0])])),
        ("kept", Kind::Keep),
        ("best", Kind::Max),
        ("tags", Kind::Set),
        ("on", Kind::Flag),
    ]);
    if version > 1 {
        thing.insert("extra".to_owned(), Kind::Latest);
    }
    BTreeMap::from([
        ("thing".to_owned(), thing),
        ("page".to_owned(), schema(&[("text", Kind::Latest), ("lines", counters())])),
        ("account".to_owned(), schema(&[("marks", counters()), ("balance", Kind::Counter)])),
        ("product".to_owned(), schema(&[("marks", counters()), ("stock", Kind::Bounded)])),
    ])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions_parse_and_have_the_fields_that_the_checkers_know() {
        for version in [1, 2] {
            let (model, diagnostics) = sterna_model::parse(&model_text(version, "24h"));
            let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
            for aggregate in model.aggregates() {
                let mut fields: Vec<String> = aggregate.fields().iter().map(|field| field.name.to_string()).collect();
                fields.sort();
                let known: Vec<String> = schemas(version)[&*aggregate.name].keys().cloned().collect();
                assert_eq!(fields, known, "{}", aggregate.name);
            }
        }
    }
}
