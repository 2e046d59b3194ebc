//! What is sent again to another region after a region had it, and what is not.

use super::Balancer;
use http::Method;
use parking_lot::Mutex;
use serde_json::json;
use std::sync::Arc;
use sterna_env::{Env, Scope, Socket};
use sterna_tests::{Request, eventually, find, free_port};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// A region that is ready, and dies of the first request, as if it were killed between taking it and answering; or that answers.
struct Stub {
    seen: Arc<Mutex<Vec<String>>>,
    scope: Scope,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Manner {
    Dies,
    Answers,
}

impl Stub {
    async fn start(port: u16, manner: Manner) -> Self {
        let (scope, seen) = (Scope::new(Env::real()), Arc::<Mutex<Vec<String>>>::default());
        let mut listener = scope.env().listen(&format!("127.0.0.1:{port}")).await.expect("the port is free");
        let theirs = seen.clone();
        scope.spawn_until_stop(async move {
            while let Ok((socket, _)) = listener.accept().await {
                if serve(socket, manner, &theirs).await == Served::Died {
                    return;
                }
            }
        });
        Self { seen, scope }
    }

    fn saw(&self, request: &str) -> usize {
        self.seen.lock().iter().filter(|line| line.contains(request)).count()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.scope.ask_to_stop();
    }
}

#[derive(PartialEq, Eq)]
enum Served {
    Answered,
    Died,
}

/// One request a connection.
async fn serve(mut socket: Box<dyn Socket>, manner: Manner, seen: &Mutex<Vec<String>>) -> Served {
    let (mut head, mut piece) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match socket.read(&mut piece).await {
            Ok(length @ 1..) => head.extend_from_slice(&piece[..length]),
            _ => return Served::Answered,
        }
    }
    let line = String::from_utf8_lossy(&head).lines().next().unwrap_or_default().to_owned();
    let probe = line.contains("/readyz");
    if !probe {
        seen.lock().push(line);
    }
    if !probe && manner == Manner::Dies {
        return Served::Died;
    }
    _ = socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").await;
    _ = socket.shutdown().await;
    Served::Answered
}

#[tokio::test]
async fn what_a_dying_region_took_is_sent_again_if_it_is_a_read_or_has_a_key_and_else_is_not() {
    if find("haproxy", "STERNA_HAPROXY", "haproxy").is_none() {
        return;
    }
    let (east, west) = (free_port(), free_port());
    let living = Stub::start(west, Manner::Answers).await;
    let Some(balancer) = Balancer::start(&[("us-east", east), ("eu-west", west)]).await else { return };
    let client = balancer.client("127.0.1.7");
    let args = || json!({ "sku": "tea", "quantity": 1 });
    let cases: [(&str, bool, &dyn Fn() -> Request); 5] = [
        ("/v1/cart/read", true, &|| client.get("/v1/cart/read")),
        ("/v1/cart/c/keyed", true, &|| client.command("cart/c/keyed", args()).key("k")),
        ("/v1/cart/c/unkeyed", false, &|| client.command("cart/c/unkeyed", args())),
        ("/v1/commands", false, &|| client.bulk("{}\n").key("k")),
        ("/admin/views/v/rebuild", false, &|| client.request(Method::POST, "/admin/views/v/rebuild").key("k")),
    ];
    for (path, again, request) in cases {
        // A server that was never checked counts as up, and one that died until it was checked again.
        is(&balancer, "us-east", "DOWN").await;
        let dying = Stub::start(east, Manner::Dies).await;
        is(&balancer, "us-east", "UP").await;
        // Who has no answer, or none but that there is none, does not know what became of it.
        let answer = request().try_send().await;
        assert_eq!(dying.saw(path), 1, "{path} reached the region that died of it");
        let answered = answer.as_ref().is_ok_and(|answer| answer.status == 200);
        assert_eq!((answered, living.saw(path) == 1), (again, again), "{path}: {answer:?}");
    }
}

/// Polls until the balancer takes a region's own server for that.
async fn is(balancer: &Balancer, region: &str, state: &str) {
    let line = format!(r#"haproxy_server_status{{proxy="near_{region}",server="{region}",state="{state}"}} 1"#);
    eventually(&format!("{region} is {state}"), async || {
        let told = balancer.stats.get("/metrics").try_send().await?.text();
        if told.contains(&line) { Ok(()) } else { Err("it is not".to_owned()) }
    })
    .await;
}
