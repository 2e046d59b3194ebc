//! `/openapi.json` is whole: every reference leads somewhere, every operation has a name of its own and answers.

use crate::region::{MODEL, TestRegion};
use serde_json::{Value, json};
use std::collections::HashSet;

fn document() -> Value {
    let (model, diagnostics) = sterna_model::parse(MODEL);
    sterna_http::openapi(&model.unwrap_or_else(|| panic!("{diagnostics:?}")))
}

fn references<'v>(value: &'v Value, out: &mut Vec<&'v str>) {
    match value {
        Value::Object(members) => {
            out.extend(members.get("$ref").and_then(Value::as_str));
            members.values().for_each(|member| references(member, out));
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, out)),
        _ => {}
    }
}

#[test]
fn every_reference_leads_somewhere() {
    let document = document();
    let mut found = Vec::new();
    references(&document, &mut found);
    assert!(found.len() > 50);
    for reference in found {
        let pointer = reference.strip_prefix('#').expect("references are local");
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
}

#[test]
fn every_operation_is_whole_and_every_path_parameter_is_declared() {
    let document = document();
    let mut names = HashSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        let mut declared = Vec::new();
        for method in ["get", "post"] {
            let Some(operation) = item.get(method) else { continue };
            assert!(names.insert(operation["operationId"].as_str().expect("an id").to_owned()), "{path}");
            assert!(operation["summary"].is_string() && operation["tags"].is_array(), "{path}");
            let responses = operation["responses"].as_object().expect("responses");
            assert!(responses.contains_key("default") && responses.keys().any(|status| status.starts_with('2')), "{path}");
            for response in responses.values().filter(|response| response.get("$ref").is_none()) {
                assert!(response["description"].is_string(), "{path}");
            }
            declared.extend(operation["parameters"].as_array().cloned().unwrap_or_default());
        }
        declared.extend(item["parameters"].as_array().cloned().unwrap_or_default());
        for name in path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let resolved = declared.iter().map(|p| p["$ref"].as_str().and_then(|r| document.pointer(&r[1..])).unwrap_or(p));
            assert!(resolved.into_iter().any(|p| p["name"] == name && p["in"] == "path" && p["required"] == true), "{path} {name}");
        }
    }
}

#[test]
fn commands_documents_and_views_are_typed() {
    let document = document();
    assert_eq!(document["openapi"], "3.1.0");
    let args = &document["components"]["schemas"]["cart.add_item"];
    assert_eq!(args["properties"]["quantity"], json!({ "type": "integer", "minimum": 1, "maximum": 100 }));
    assert_eq!((&args["required"], &args["additionalProperties"]), (&json!(["sku", "quantity"]), &json!(false)));
    let state = &document["components"]["schemas"]["cart.document"]["properties"]["state"];
    assert_eq!(state["properties"]["items"]["additionalProperties"]["type"], "integer");
    assert_eq!(state["properties"]["status"], json!({ "type": ["string", "null"], "enum": ["new", "sent", null] }));
    assert_eq!(document["components"]["schemas"]["cart.annotate"]["properties"]["day"]["format"], "date");
    let view = &document["paths"]["/v1/views/carts"]["get"];
    let filters: Vec<_> = view["parameters"].as_array().expect("parameters").iter().filter_map(|p| p["name"].as_str()).collect();
    assert!(filters.contains(&"note") && filters.contains(&"items[gte]") && !filters.contains(&"cart"), "{filters:?}");
    let guard = document["paths"]["/v1/cart/{id}/remove_item"]["post"]["description"].as_str().unwrap_or_default();
    assert!(guard.contains("not-in-cart"));
}

#[tokio::test]
async fn it_is_served() {
    let region = TestRegion::start().await;
    assert_eq!(region.get("/openapi.json").await.json(), document());
}
