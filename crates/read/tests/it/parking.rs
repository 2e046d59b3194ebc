//! An aggregate that was parked, and is not any more.

use crate::world::{Node, model, start};
use serde_json::{Value as Json, json};
use sterna_store::Memory;

pub const TEXT: &str = r#"
version = 1

[aggregate.note.fields]
text = "string?"

[aggregate.note.commands.write]
args    = { text = "string" }
effects = [{ set = "args.text", to = "text" }]

[view.notes]
of      = "note"
columns = { text = "state.text" }

[view.writes]
events  = "note.write"
columns = { text = "event.args.text" }
"#;

/// With a field and a command more.
fn signed(version: u32) -> String {
    TEXT.replace("version = 1", &format!("version = {version}")).replace("text = \"string?\"", "text = \"string?\"\nby   = \"string?\"")
        + "\n[aggregate.note.commands.sign]\nargs = { by = \"string\" }\neffects = [{ set = \"args.by\", to = \"by\" }]\n"
}

async fn document(node: &Node) -> Json {
    serde_json::from_str(&node.document("note", "n").await.expect("it is there")).expect("a document is JSON")
}

#[tokio::test]
async fn document_views_and_history_follow_when_it_goes_on() {
    let members = ["east", "west"];
    let east = start("east", &members, &signed(1), Memory::default(), Memory::default()).await;
    let west = start("west", &members, TEXT, Memory::default(), Memory::default()).await;
    east.run("note", "n", "write", json!({ "text": "one" })).await;
    east.run("note", "n", "sign", json!({ "by": "anna" })).await;
    east.run("note", "n", "write", json!({ "text": "two" })).await;
    west.pull(&east).await;
    west.projected().await;
    assert_eq!(document(&west).await["state"], json!({ "text": "one" }));
    assert_eq!(west.rows("writes", &[]).await.len(), 2, "views of events are functions of the logs");
    for node in [&east, &west] {
        node.writer.region().offer_model(model(&signed(2))).expect("it may follow");
        node.writer.region().take_next_model().await.expect("the store takes it");
    }
    let wanted = json!({ "text": "two", "by": "anna" });
    for _ in 0..2_000 {
        if document(&west).await["state"] == wanted && west.rows("notes", &[]).await == [json!({ "text": "two" })] {
            break;
        }
        west.writer.region().env.sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(document(&west).await["state"], wanted);
    assert_eq!(west.rows("notes", &[]).await, [json!({ "text": "two" })]);
    assert_eq!(document(&west).await, document(&east).await);
}
