//! The JSON Schema for editors agrees with the parser: what the parser takes fits, and what has a mistake of form does not.
#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

mod expect;

use jsonschema::Validator;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// Mistakes that no schema can see: of meaning, of reference, and of what depends on another part of the text.
const MEANING: &[&str] = &[
    "bad-date",
    "bad-effect",
    "bad-pattern",
    "cycle",
    "delete-keeps",
    "duplicate",
    "no-floats",
    "out-of-range",
    "possible-null",
    "rule-broken",
    "syntax",
    "too-large",
    "type-mismatch",
    "unknown-aggregate",
    "unknown-argument",
    "unknown-column",
    "unknown-command",
    "unknown-field",
    "unknown-function",
    "unknown-member",
    "unknown-name",
    "unknown-region",
    "unknown-variant",
    "wrong-arguments",
];

/// Where the schema may say either: what it can't see has a code that mistakes of form have, too, or the other way round.
const EITHER: &[&str] = &[
    "command_on_unknown",
    "effect_key_without_map",
    "effect_map_without_key",
    "expr_empty",
    "field_min_of_bools",
    "policy_max_of_list",
    "reaction_missing_argument",
    "type_bad_pattern",
    "type_enum_twice",
    "version_zero",
    "view_event_without_dot",
];

fn validator() -> Validator {
    jsonschema::draft7::new(&sterna_model::json_schema()).unwrap()
}

fn fits(validator: &Validator, text: &str) -> Result<(), Vec<String>> {
    let toml: toml::Table = text.parse().map_err(|error: toml::de::Error| vec![error.to_string()])?;
    let instance: Value = serde_json::to_value(toml).unwrap();
    let mistakes: Vec<_> = validator.iter_errors(&instance).map(|error| format!("{}: {error}", error.instance_path())).collect();
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes) }
}

#[test]
fn the_schema_is_a_schema() {
    jsonschema::draft7::meta::validate(&sterna_model::json_schema()).unwrap();
}

#[test]
fn every_model_that_loads_fits() {
    let validator = validator();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut models = vec![include_str!("diff/old.toml").to_owned(), include_str!("language/everything.toml").to_owned()];
    let mut folders = vec![root.join("examples"), root.join("tests/models")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            match entry.extension().and_then(|extension| extension.to_str()) {
                None if entry.is_dir() => folders.push(entry),
                Some("toml") => models.push(fs::read_to_string(entry).unwrap()),
                _ => {}
            }
        }
    }
    // Not every TOML file of an example is a model.
    models.retain(|text| text.contains("[aggregate."));
    assert!(models.len() >= 4, "the examples are there");
    for text in models {
        assert!(sterna_model::parse(&text).0.is_some(), "{text}");
        assert_eq!(fits(&validator, &text), Ok(()), "{text}");
    }
}

#[test]
fn a_mistake_of_form_does_not_fit_and_one_of_meaning_does() {
    let validator = validator();
    let mut wrong = String::new();
    for path in expect::cases("broken", "toml") {
        if EITHER.contains(&path.file_stem().unwrap().to_str().unwrap()) {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let (_, diagnostics) = sterna_model::parse(&text);
        let form: Vec<_> = diagnostics.iter().map(|d| d.code).filter(|code| !MEANING.contains(code)).collect();
        match (form.is_empty(), fits(&validator, &text)) {
            (true, Err(why)) => wrong += &format!("{} should fit: {why:?}\n", expect::name(&path)),
            (false, Ok(())) => wrong += &format!("{} should not fit: {form:?}\n", expect::name(&path)),
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
