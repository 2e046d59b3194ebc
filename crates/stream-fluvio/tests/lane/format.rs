//! A consumer in another language reads what is written down in `docs/fluvio-format.md`.

use crate::load::{A, heartbeat, open, place, publish};
use crate::{Lane, Test, block_on};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use sterna_crdt::{Action, Clock, Dot, Incarnation, Name, Op, Order, Update, Value};
use sterna_log::{Applied, Entry, Event, Frame, FrameEntry};

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![("format::a_python_consumer_reads_the_events", python)]
}

fn python(lane: &Lane) {
    let cluster = &lane.shared()[0];
    block_on(async {
        let publisher = open(A, lane.shared(), "python").await;
        for n in 0..5_u64 {
            // The third is so large that it comes in parts.
            let padding = if n == 2 { 3 << 20 } else { 3 };
            let entry = |n| FrameEntry { position: place(n), bytes: event(n, padding).into() };
            let frame = Frame { after: place(2 * n), entries: vec![entry(2 * n + 1), entry(2 * n + 2)], ..heartbeat(2 * n) };
            publish(&*publisher, frame.clone()).await;
            publish(&*publisher, frame).await;
            publish(&*publisher, heartbeat(2 * n + 2)).await;
        }
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fluvio/consume.py");
    let Ok(output) = cluster.on_path(Command::new("python3").arg(script).args([&cluster.address().endpoint, "python-a", "0"])).output()
    else {
        eprintln!("Fluvio lane: no python3, the consumer is not tried");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let lines: Vec<serde_json::Value> = output.stdout.split(|b| *b == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect();
    assert_eq!(lines.len(), 10);
    for (n, line) in (1..).zip(&lines) {
        assert_eq!((&line["type"], &line["id"], &line["command"]), (&"cart".into(), &format!("c-{n}").into(), &"add".into()));
        let args: serde_json::Value = serde_json::from_str(line["args"].as_str().unwrap()).unwrap();
        assert_eq!(args["n"], n);
    }
}

/// An entry of one event, `c-{n}`.
fn event(n: u64, padding: usize) -> Vec<u8> {
    let name = |text: &str| Name::from(text);
    let incarnation = Incarnation::new(A, 1);
    let update = Update {
        dot: Dot { incarnation, n },
        seen: Default::default(),
        order: Order { clock: Clock(n), incarnation },
        ops: vec![Op { field: name("items"), key: Some(Value::str("tea")), action: Action::Add(1) }],
    };
    let event = Event {
        critical: true,
        kind: name("cart"),
        id: format!("c-{n}").into(),
        update: Arc::new(update),
        command: name("add"),
        args: format!("{{\"n\":{n},\"note\":\"{}\"}}", "x".repeat(padding)).into(),
        key: name("k"),
        key_made: true,
        body_hash: [7; 16],
        answer: None,
        actor: name(""),
        model_version: 1,
        model_hash: 2,
        reactions: Vec::new(),
        cause: None,
        trace: name(""),
        encryption_key: name(""),
    };
    Entry { events: vec![event], applied: Applied::default() }.encode()
}
