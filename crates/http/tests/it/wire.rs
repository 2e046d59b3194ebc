//! Whatever bytes come over a connection, what is answered is HTTP, and every refusal a problem document.

use crate::random::{requests, runner};
use crate::region::TestRegion;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use sterna_env::{Boxed, Listener, Socket};
use sterna_http::ServeOptions;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::sync::mpsc;

/// Connections are in memory, so that as many as are wanted can be made.
struct Memory(mpsc::Receiver<DuplexStream>);

impl Listener for Memory {
    fn accept(&mut self) -> Boxed<'_, std::io::Result<(Box<dyn Socket>, String)>> {
        Box::pin(async move {
            match self.0.recv().await {
                Some(socket) => Ok((Box::new(socket) as Box<dyn Socket>, "memory".to_owned())),
                None => std::future::pending().await,
            }
        })
    }

    fn local(&self) -> String {
        "memory".to_owned()
    }
}

/// Nothing more comes after this, on a region that answers at once.
const QUIET: std::time::Duration = std::time::Duration::from_millis(3);

/// Requests that are right, to be changed.
const RIGHT: [&str; 4] = [
    "GET /v1/cart/c-1 HTTP/1.1\r\nhost: x\r\nsterna-token: AAAA\r\nprefer: wait=0\r\n\r\n",
    "POST /v1/cart/c-1/open HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}",
    "POST /v1/commands HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n",
    "GET /v1/views/carts?limit=1 HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\n\r\n",
];

#[derive(Clone, Debug)]
enum Change {
    Put(usize, u8),
    Insert(usize, Vec<u8>),
    Cut(usize),
    Repeat(usize, usize),
}

fn change() -> impl Strategy<Value = Change> {
    let piece = prop_oneof![
        proptest::collection::vec(any::<u8>(), 1..6),
        proptest::sample::select(vec![&b"\r\n"[..], b"\r\n\r\n", b": ", b" HTTP/1.0", b"\0", b"%", b"content-length: 9\r\n", b"\xff"])
            .prop_map(<[u8]>::to_vec),
    ];
    prop_oneof![
        4 => (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Change::Put(at, byte)),
        4 => (any::<usize>(), piece).prop_map(|(at, piece)| Change::Insert(at, piece)),
        1 => any::<usize>().prop_map(Change::Cut),
        1 => (any::<usize>(), any::<usize>()).prop_map(|(from, length)| Change::Repeat(from, length)),
    ]
}

fn sent() -> impl Strategy<Value = Vec<u8>> {
    let changed = (proptest::sample::select(RIGHT.to_vec()), proptest::collection::vec(change(), 1..5)).prop_map(|(right, changes)| {
        let mut bytes = right.as_bytes().to_vec();
        for change in changes {
            let length = bytes.len().max(1);
            match change {
                Change::Put(at, byte) => bytes[at % length] = byte,
                Change::Insert(at, piece) => drop(bytes.splice(at % length..at % length, piece)),
                Change::Cut(at) => bytes.truncate(1 + at % length),
                Change::Repeat(from, count) => {
                    let from = from % length;
                    bytes.extend_from_within(from..from + count % (length - from));
                }
            }
        }
        bytes
    });
    prop_oneof![8 => changed, 1 => proptest::collection::vec(any::<u8>(), 1..300)]
}

#[tokio::test]
async fn whatever_bytes_come_every_refusal_is_a_problem_document() {
    let region = TestRegion::start().await;
    let (connect, connections) = mpsc::channel(1);
    let options = ServeOptions { limits: region.services.limits.clone(), metrics: None, date: true };
    region.scope.spawn(sterna_http::serve(Box::new(Memory(connections)), region.router.clone(), region.scope.clone(), options));
    let requests = requests();
    let mut runner = runner(requests);
    let (strategy, mut refused) = (sent(), 0);
    for _ in 0..requests {
        let sent = strategy.new_tree(&mut runner).expect("the strategy filters nothing").current();
        let (mut ours, theirs) = tokio::io::duplex(1 << 20);
        connect.send(theirs).await.expect("it listens");
        let told = || String::from_utf8_lossy(&sent).into_owned();
        let exchange = async {
            // It may be closed before all is sent.
            let _ = ours.write_all(&sent).await;
            let mut answer = Vec::new();
            let mut chunk = [0; 8 << 10];
            // The region closes what is broken; what is whole, or waits for more, is closed from here.
            while let Ok(Ok(length @ 1..)) = tokio::time::timeout(QUIET, ours.read(&mut chunk)).await {
                answer.extend_from_slice(&chunk[..length]);
            }
            answer
        };
        let answer = tokio::time::timeout(std::time::Duration::from_secs(30), exchange).await;
        let answer = answer.unwrap_or_else(|_| panic!("it hangs: {:?}", told()));
        if answer.is_empty() || sent.starts_with(b"PRI * HTTP/2.0") {
            continue;
        }
        let mut rest = &answer[..];
        while !rest.is_empty() {
            let (head, behind) = head_of(rest).unwrap_or_else(|| panic!("{:?} got {:?}", told(), String::from_utf8_lossy(&answer)));
            rest = behind;
            let status = head[9..12].parse::<u16>().unwrap_or_else(|_| panic!("{:?} got {head:?}", told()));
            assert_ne!(status, 500, "{:?}", told());
            if status >= 400 {
                refused += 1;
                assert!(head.contains("content-type: application/problem+json"), "{:?} got {head:?}", told());
                assert!(head.contains("x-request-id: "), "{:?} got {head:?}", told());
            }
        }
    }
    assert!(refused > requests / 10, "{refused}");
}

/// The head of an answer, and what follows its body; nothing follows one whose length was not said.
fn head_of(answer: &[u8]) -> Option<(String, &[u8])> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let (head, behind) = (String::from_utf8_lossy(&answer[..end]).into_owned(), &answer[end + 4..]);
    let chunked = head.contains("transfer-encoding: chunked");
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse::<usize>().ok());
    let behind = if chunked { &[] } else { behind.get(length.unwrap_or(0)..).unwrap_or_default() };
    (head.starts_with("HTTP/1.") && head.len() > 12).then_some((head, behind))
}
