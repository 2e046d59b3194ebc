//! What `/openapi.json` says of an answer: every answer of every test of this crate is held against it.

use crate::region::{Answer, MODEL};
use http::Method;
use jsonschema::Validator;
use parking_lot::Mutex;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, LazyLock};

/// A schema, by where it stands in the document.
static VALIDATORS: LazyLock<Mutex<HashMap<String, Arc<Validator>>>> = LazyLock::new(Mutex::default);

pub static DOCUMENT: LazyLock<Value> = LazyLock::new(|| {
    let (model, diagnostics) = sterna_model::parse(MODEL);
    sterna_http::openapi(&model.unwrap_or_else(|| panic!("{diagnostics:?}")))
});

/// Where nobody described anything: what a developer's router adds, and what is at no path.
const PROBLEM: &str = "/components/schemas/problem";

#[track_caller]
pub fn check(method: &Method, path: &str, answer: &Answer) {
    let asked = format!("{method} {path}");
    let kind = answer.header("content-type").split(';').next().unwrap_or_default().to_owned();
    if kind == "application/problem+json" {
        if *method != Method::HEAD {
            fits(PROBLEM, &answer.body, &asked);
        }
        return;
    }
    let method = if *method == Method::HEAD { Method::GET } else { method.clone() };
    let Some((template, operation)) = operation(&method, path) else { return };
    let responses = format!("/paths/{}/{}/responses", escaped(&template), method.as_str().to_lowercase());
    let status = answer.status.as_u16().to_string();
    let Some(mut response) = operation["responses"].get(&status) else { panic!("{asked}: {status} is not described: {:?}", answer.body) };
    let mut pointer = format!("{responses}/{status}");
    if let Some(reference) = response["$ref"].as_str() {
        pointer = reference[1..].to_owned();
        response = DOCUMENT.pointer(&pointer).expect("references lead somewhere");
    }
    let Some(content) = response["content"].as_object() else {
        return assert!(answer.body.is_empty(), "{asked}: no body is described: {:?}", answer.body);
    };
    assert!(content.contains_key(&kind), "{asked}: {kind} is not described");
    let schema = format!("{pointer}/content/{}/schema", escaped(&kind));
    match kind.as_str() {
        "application/json" if !answer.body.is_empty() => fits(&schema, &answer.body, &asked),
        "application/x-ndjson" => answer.body.split(|b| *b == b'\n').filter(|l| !l.is_empty()).for_each(|line| fits(&schema, line, &asked)),
        _ => {}
    }
}

/// The most literal path that fits.
fn operation(method: &Method, path: &str) -> Option<(String, &'static Value)> {
    let path = path.split('?').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let parts: Vec<&str> = template.split('/').collect();
        parts.len() == segments.len() && parts.iter().zip(&segments).all(|(part, segment)| part.starts_with('{') || part == segment)
    };
    let paths = DOCUMENT["paths"].as_object().expect("paths");
    let mut fitting: Vec<_> = paths.iter().filter(|(template, _)| fits(template)).collect();
    fitting.sort_by_key(|(template, _)| template.matches('{').count());
    let (template, item) = fitting.first()?;
    Some(((*template).clone(), item.get(method.as_str().to_lowercase())?))
}

fn escaped(text: &str) -> String {
    text.replace('~', "~0").replace('/', "~1")
}

#[track_caller]
fn fits(pointer: &str, body: &[u8], asked: &str) {
    let value: Value = serde_json::from_slice(body).unwrap_or_else(|error| panic!("{asked}: {error}: {body:?}"));
    let validator = VALIDATORS.lock().entry(pointer.to_owned()).or_insert_with(|| Arc::new(validator(pointer))).clone();
    let errors: Vec<String> = validator.iter_errors(&value).map(|error| format!("{} at {}", error, error.instance_path())).collect();
    assert!(errors.is_empty(), "{asked}: {errors:?} in {value}");
}

fn validator(pointer: &str) -> Validator {
    let mut schema = DOCUMENT.pointer(pointer).unwrap_or_else(|| panic!("nothing is at {pointer}")).clone();
    schema["components"] = json!({ "schemas": DOCUMENT["components"]["schemas"] });
    jsonschema::draft202012::new(&schema).unwrap_or_else(|error| panic!("{pointer}: {error}"))
}

#[test]
fn the_document_is_openapi_3_1_by_the_official_schema() {
    let official: Value = serde_json::from_str(include_str!("openapi-3.1.schema.json")).expect("it is JSON");
    let validator = jsonschema::draft202012::new(&official).expect("it is a schema");
    let errors = |document: &Value| validator.iter_errors(document).map(|e| format!("{e} at {}", e.instance_path())).collect::<Vec<_>>();
    assert_eq!(errors(&DOCUMENT), Vec::<String>::new());
    let mut broken = DOCUMENT.clone();
    broken["paths"]["/v1/commands"]["post"]["responses"]["200"].as_object_mut().expect("an object").remove("description");
    assert!(!errors(&broken).is_empty(), "a response needs its description");
}

#[test]
fn every_schema_of_the_document_is_a_json_schema() {
    let schemas = DOCUMENT["components"]["schemas"].as_object().expect("schemas");
    assert!(schemas.len() > 10);
    for (name, schema) in schemas {
        jsonschema::draft202012::meta::validate(schema).unwrap_or_else(|error| panic!("{name}: {error}"));
        validator(&format!("/components/schemas/{name}"));
    }
}
