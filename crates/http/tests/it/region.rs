//! One region with all its services, and ways to ask it.

use axum::Router;
use axum::body::Body;
use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::BodyExt;
use prometheus::Registry;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use sterna_client::Client;
use sterna_env::{Env, Scope};
use sterna_http::{Limits, Metrics, Readiness, ServeOptions, Services, StoreInfo, StreamInfo};
use sterna_log::TokenKey;
use sterna_read::Reads;
use sterna_replicate::{Replication, Source};
use sterna_store::Memory;
use sterna_store::memory::Faults;
use sterna_stream::Hub;
use sterna_write::{Gate, OpenOptions, Region, Writer};
use tower::ServiceExt;

pub const MODEL: &str = r#"
version = 1

[aggregate.cart.fields]
items   = { map = "counter" }
note    = "string?"
status  = { enum = ["new", "sent"] }
day     = "date?"

[aggregate.cart.commands.add_item]
args    = { sku = "string", quantity = { int = { min = 1, max = 100 } } }
effects = [{ add = "args.quantity", to = "items", key = "args.sku" }]

[aggregate.cart.commands.remove_item]
args    = { sku = "string" }
require = [{ that = "args.sku in state.items", code = "not-in-cart", else = "there is no such item in the cart" }]
effects = [{ remove_key = "args.sku", from = "items" }]

[aggregate.cart.commands.annotate]
args    = { note = "string", day = "date?" }
effects = [{ set = "args.note", to = "note" }]

[aggregate.cart.commands.open]
on      = "absent"
effects = [{ set = "'new'", to = "note" }]

[aggregate.cart.commands.close]
on      = "present"
effects = [{ set = "'closed'", to = "note" }]

[view.carts]
of      = "cart"
columns = { cart = "id", note = "state.note", items = "sum(state.items)" }
index   = [["note"]]
sort    = ["-items"]

[view.notes]
of      = "cart"
group   = { note = "state.note" }
count   = { carts = "true" }
"#;

pub const SECRET: &[u8] = b"the tests' secret";

pub struct TestRegion {
    pub services: Services,
    pub router: Router,
    pub scope: Scope,
    /// Of the write store, and of the read store.
    pub faults: [Faults; 2],
}

pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Bytes,
}

impl TestRegion {
    pub async fn start() -> Self {
        Self::with(Limits::default()).await
    }

    pub async fn with(limits: Limits) -> Self {
        let (model, diagnostics) = sterna_model::parse(MODEL);
        let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
        let env = Env::real();
        let scope = Scope::new(env.clone());
        let registry = Registry::new();
        let options =
            OpenOptions { name: "eu-west".into(), members: vec!["eu-west".into()], shards: 4, model: model.into(), copied: false };
        let (store, read_store) = (Memory::default(), Memory::default());
        let faults = [store.faults(), read_store.faults()];
        let region = Region::open(env.clone(), Arc::new(store), options).await.expect("the store is empty");
        let writer = Writer::start(region.clone(), &scope, Some(&registry)).await.expect("the store can be read");
        let (logs, states) = (writer.logs().clone(), writer.states().clone());
        let options = sterna_read::Options {
            region: region.clone(),
            logs: logs.clone(),
            states,
            store: Arc::new(read_store),
            scope: scope.clone(),
            registry: registry.clone(),
        };
        let reads = Reads::start(options).await.expect("the store is empty");
        while reads.status().views.iter().any(|view| view.generation.is_none()) {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        let hub = Hub::new(env);
        let options = sterna_replicate::Options {
            writer: writer.clone(),
            source: Source::new(region.clone(), logs),
            stream: hub.region(region.me),
            repair: hub.repair(region.me),
            scope: &scope,
            registry: Some(&registry),
        };
        let replication = Replication::start(options);
        region.set_gate(Gate::Open);
        let readiness = Arc::new(Readiness::default());
        readiness.start();
        let services = Services {
            writer,
            reads,
            replication,
            store: StoreInfo::new("memory"),
            stream: StreamInfo { engine: "memory", endpoint: None },
            tokens: TokenKey::derive(SECRET),
            metrics: Metrics::register(&registry).expect("they are new"),
            registry,
            scope: scope.clone(),
            readiness,
            limits: Arc::new(limits),
            links: None,
        };
        Self { router: sterna_http::router(services.clone()), services, scope, faults }
    }

    /// As a process stops: nobody holds the services any more, then the tasks end.
    pub async fn stop(self) {
        let scope = self.scope.clone();
        drop(self);
        scope.stop().await;
    }

    pub async fn ask(&self, request: Request<Body>) -> Answer {
        ask(&self.router, request).await
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.ask(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    pub async fn post(&self, path: &str, body: &str) -> Answer {
        self.post_with(path, body, &[]).await
    }

    pub async fn post_with(&self, path: &str, body: &str, headers: &[(&str, &str)]) -> Answer {
        let request = Request::post(path).header("content-type", "application/json");
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.ask(request.body(Body::from(body.to_owned())).expect("a request")).await
    }

    /// NDJSON in, whole answer out.
    pub async fn bulk(&self, body: impl Into<Body>) -> Vec<Value> {
        let request = Request::post("/v1/commands").header("content-type", "application/x-ndjson").body(body.into()).expect("a request");
        let answer = self.ask(request).await;
        assert_eq!(answer.status, StatusCode::OK, "{:?}", answer.body);
        answer.text().lines().map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"))).collect()
    }

    /// Also on a port; the address, and a client of it.
    pub async fn listen(&self) -> (String, Client) {
        let listener = self.scope.env().listen("127.0.0.1:0").await.expect("a free port");
        let address = listener.local();
        let options = ServeOptions { limits: self.services.limits.clone(), metrics: Some(self.services.metrics.clone()), date: true };
        let serving = sterna_http::serve(listener, self.router.clone(), self.scope.clone(), options);
        self.scope.spawn(serving);
        let options = sterna_client::Options { attempts_max: 3, ..sterna_client::Options::new([format!("http://{address}")]) };
        let client = Client::new(self.scope.env().clone(), options).expect("the url is valid");
        (address, client)
    }
}

/// The answer, held against what is said of it in `/openapi.json`.
pub async fn ask(router: &Router, request: Request<Body>) -> Answer {
    let (method, path) = (request.method().clone(), request.uri().to_string());
    let answer = ask_plainly(router, request).await;
    crate::contract::check(&method, &path, &answer);
    answer
}

async fn ask_plainly(router: &Router, request: Request<Body>) -> Answer {
    let response = router.clone().oneshot(request).await.expect("a router always answers");
    let (parts, body) = response.into_parts();
    let body = tokio::time::timeout(Duration::from_secs(120), body.collect()).await.expect("it ends");
    Answer { status: parts.status, headers: parts.headers, body: body.expect("no stream breaks here").to_bytes() }
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {:?}", self.body))
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().expect("a header is text"))
    }

    /// Checks that this is a problem document, whole.
    #[track_caller]
    pub fn problem(&self, status: u16, code: &str) -> Value {
        assert_eq!((self.status.as_u16(), self.header("content-type")), (status, "application/problem+json"), "{:?}", self.body);
        let problem = self.json();
        assert_eq!((&problem["code"], &problem["status"]), (&Value::from(code), &Value::from(status)), "{problem}");
        assert_eq!(problem["type"], format!("/problems/{code}"));
        assert_eq!(problem["request_id"], self.header("x-request-id"));
        assert!(!problem["detail"].as_str().unwrap_or_default().is_empty() && !problem["title"].as_str().unwrap_or_default().is_empty());
        problem
    }
}

pub fn line(id: &str, sku: &str, quantity: i64, key: &str) -> String {
    format!(
        "{{\"type\":\"cart\",\"id\":\"{id}\",\"command\":\"add_item\",\"args\":{{\"sku\":\"{sku}\",\"quantity\":{quantity}}},\"key\":\"{key}\"}}\n"
    )
}
