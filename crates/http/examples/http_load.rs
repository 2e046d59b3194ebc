//! Commands and reads over a real socket, on the embedded engine, client on the same cores.
//!
//! `cargo run --release -p sterna-http --example http_load -- MODE COUNT [CONNECTIONS]`, MODE one of `bulk`, `single`, `read`.
#![allow(clippy::disallowed_methods, clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark measures the real world and prints")]

use bytes::Bytes;
use futures::StreamExt;
use prometheus::Registry;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use sterna_client::Client;
use sterna_env::{Env, Scope};
use sterna_http::{Limits, Metrics, Readiness, ServeOptions, Services, StoreInfo, StreamInfo};
use sterna_read::Reads;
use sterna_replicate::{Replication, Source};
use sterna_store::Store;
use sterna_store_embedded::Embedded;
use sterna_write::{Gate, OpenOptions, Region, Writer};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const AGGREGATES: usize = 10_000;

fn sync_ms(folder: &std::path::Path) -> f64 {
    let mut file = std::fs::File::create(folder.join("sync")).unwrap();
    let mut times: Vec<f64> = (0..100)
        .map(|_| {
            file.write_all(&[7; 272]).unwrap();
            let began = Instant::now();
            file.sync_data().unwrap();
            began.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[50]
}

async fn start(folder: &std::path::Path) -> (Services, Scope) {
    let text = std::fs::read_to_string("examples/shop.toml").unwrap();
    let (model, diagnostics) = sterna_model::parse(&text);
    let model = model.unwrap_or_else(|| panic!("{diagnostics:?}"));
    let env = Env::real();
    let scope = Scope::new(env.clone());
    let registry = Registry::new();
    let open = |options| Embedded::open(options).unwrap() as Arc<dyn Store>;
    let options = OpenOptions { name: "one".into(), members: vec!["one".into()], shards: 16, model: model.into(), copied: false };
    let region = Region::open(env.clone(), open(sterna_store_embedded::Options::write(folder.join("write"))), options).await.unwrap();
    let writer = Writer::start(region.clone(), &scope, Some(&registry)).await.unwrap();
    let (logs, states) = (writer.logs().clone(), writer.states().clone());
    let options = sterna_read::Options {
        region: region.clone(),
        logs: logs.clone(),
        states,
        store: open(sterna_store_embedded::Options::read(folder.join("read"))),
        scope: scope.clone(),
        registry: registry.clone(),
    };
    let reads = Reads::start(options).await.unwrap();
    let hub = sterna_stream::Hub::new(env);
    let source = Source::new(region.clone(), logs);
    let options = sterna_replicate::Options {
        writer: writer.clone(),
        source,
        stream: hub.region(region.me),
        repair: hub.repair(region.me),
        scope: &scope,
        registry: Some(&registry),
    };
    let replication = Replication::start(options);
    region.set_gate(Gate::Open);
    let services = Services {
        writer,
        reads,
        replication,
        store: StoreInfo::new("memory"),
        stream: StreamInfo { engine: "memory", endpoint: None },
        tokens: sterna_log::TokenKey::derive(b"bench"),
        metrics: Metrics::register(&registry).unwrap(),
        registry,
        scope: scope.clone(),
        readiness: Arc::new(Readiness::default()),
        limits: Arc::new(Limits::default()),
        links: None,
    };
    (services, scope)
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let mode = args.first().map_or("bulk", String::as_str).to_owned();
    let count: usize = args.get(1).map_or(200_000, |n| n.parse().unwrap());
    let connections: usize = args.get(2).map_or(64, |n| n.parse().unwrap());
    let folder = tempfile::tempdir_in("target").unwrap();
    println!("fdatasync {:.2} ms", sync_ms(folder.path()));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(2).build().unwrap();
    runtime.block_on(async {
        let (services, scope) = start(folder.path()).await;
        let listener = scope.env().listen("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local());
        let options = ServeOptions { limits: services.limits.clone(), metrics: Some(services.metrics.clone()), date: true };
        scope.spawn(sterna_http::serve(listener, sterna_http::router(services.clone()), scope.clone(), options));
        let client =
            Client::new(scope.env().clone(), sterna_client::Options { connections_max: connections, ..sterna_client::Options::new([url]) })
                .unwrap();
        let began = Instant::now();
        match mode.as_str() {
            "bulk" => bulk(&client, count).await,
            "single" => single(&client, count, connections, false).await,
            "read" => {
                bulk(&client, AGGREGATES).await;
                let began = Instant::now();
                single(&client, count, connections, true).await;
                println!("reads alone: {:.0} /s", count as f64 / began.elapsed().as_secs_f64());
            }
            mode => panic!("no mode {mode}"),
        }
        let taken = began.elapsed();
        println!("{mode}: {count} in {taken:.2?}, {:.0} /s", count as f64 / taken.as_secs_f64());
        let behind = Instant::now();
        while services.reads.status().views.iter().any(|view| view.staleness_seconds > 0.05) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        println!("views level after another {:.2?}", behind.elapsed());
        let text = std::fs::read_to_string("/proc/self/status").unwrap();
        println!("{}", text.lines().find(|line| line.starts_with("VmHWM")).unwrap_or_default());
    });
    std::process::exit(0);
}

async fn bulk(client: &Client, count: usize) {
    let lines = futures::stream::iter((0..count.div_ceil(500)).map(move |chunk| {
        let mut out = Vec::with_capacity(500 * 128);
        for n in chunk * 500..((chunk + 1) * 500).min(count) {
            let id = n % AGGREGATES;
            _ = writeln!(out, "{{\"type\":\"cart\",\"id\":\"c-{id}\",\"command\":\"add_item\",\"args\":{{\"sku\":\"tea\",\"quantity\":1}},\"key\":\"key-{n:016}\"}}");
        }
        Bytes::from(out)
    }));
    let mut answers = client.bulk(lines).await.unwrap();
    let mut refused = 0;
    while let Some(answer) = answers.next().await {
        refused += usize::from(!answer.unwrap().is_accepted());
    }
    assert_eq!((refused, answers.done().map(|done| done.accepted)), (0, Some(count as u64)));
}

async fn single(client: &Client, count: usize, connections: usize, read: bool) {
    let next = Arc::new(AtomicUsize::new(0));
    let tasks = (0..connections).map(|_| {
        let (seen, client, next) = (client.token(), client.session(), next.clone());
        seen.iter().for_each(|token| client.adopt_token(token));
        tokio::spawn(async move {
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                if n >= count {
                    return;
                }
                let id = format!("c-{}", n.wrapping_mul(7919) % AGGREGATES);
                if read {
                    assert!(client.get("cart", &id).await.unwrap().is_some());
                } else {
                    client.command("cart", &id, "add_item", serde_json::json!({ "sku": "tea", "quantity": 1 })).send().await.unwrap();
                }
            }
        })
    });
    futures::future::join_all(tasks).await.into_iter().for_each(Result::unwrap);
}
