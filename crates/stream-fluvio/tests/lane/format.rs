//! A consumer in another language reads what is written down in `docs/fluvio-format.md`.

use crate::load::{A, heartbeat, open, place, publish};
use crate::{Lane, Test, block_on};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, OnceLock};
use sterna_crdt::{Action, Clock, Dot, Incarnation, Name, Op, Order, Update, Value};
use sterna_log::{Entry, Event, Frame, FrameEntry};

pub const PYTHON: &str = "format::a_python_consumer_reads_the_events";

pub fn tests() -> Vec<(&'static str, Test)> {
    vec![(PYTHON, python)]
}

/// A Python that has Fluvio's client.
#[derive(Clone)]
pub struct Python(PathBuf);

impl Python {
    /// `FLUVIO_PYTHON`, or `python3`, or a virtual environment that is made for it with `pip`, which is looked for once.
    pub fn find() -> Option<Self> {
        static FOUND: OnceLock<Option<Python>> = OnceLock::new();
        let look = || {
            let given = std::env::var_os("FLUVIO_PYTHON").map(PathBuf::from);
            let made = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fluvio-python");
            let own = made.join("bin/python3");
            let candidates = given.into_iter().chain(["python3".into(), own.clone()]).map(Self).find(Self::has_client);
            candidates.or_else(|| {
                let run = |command: &mut Command| command.stdin(Stdio::null()).output().is_ok_and(|output| output.status.success());
                let installed = run(Command::new("python3").args(["-m", "venv"]).arg(&made))
                    && run(Command::new(&own).args(["-m", "pip", "install", "--quiet", CLIENT]));
                installed.then_some(Self(own)).filter(Self::has_client)
            })
        };
        FOUND.get_or_init(look).clone()
    }

    fn has_client(&self) -> bool {
        Command::new(&self.0).args(["-c", "import fluvio"]).stdin(Stdio::null()).output().is_ok_and(|output| output.status.success())
    }
}

/// The one that this was tried with.
const CLIENT: &str = "fluvio==0.21.0";

pub const SKIPPED: &str =
    "Fluvio lane: the Python consumer is skipped, there is no Python with the package `fluvio`, and pip does not install it";

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
    let python = Python::find().expect("the test is listed where there is one");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/fluvio/consume.py");
    let mut command = Command::new(python.0);
    let output = command.arg(script).args([&cluster.endpoint(), "python-a", "0"]).env("HOME", cluster.folder()).output().unwrap();
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
        version: 1,
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
        model_hash: 2,
        reactions: Vec::new(),
        cause: None,
        trace: name(""),
        encryption_key: name(""),
        unreadable: None,
    };
    Entry { events: vec![event], ..Entry::default() }.encode()
}
