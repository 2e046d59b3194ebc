//! `dev` and `demo`: regions in this process, until Ctrl-C.

use super::args::{Common, Demo, Dev};
use crate::demo;
use crate::dev::{Cluster, ClusterOptions, SHOP, SHOP_NAME};
use crate::home::DevRegions;
use crate::out::{Form, Outcome, answer, note, say};
use crate::signals::asked_to_stop;
use crate::watch::watch;
use anyhow::{Context, Result};
use serde_json::json;
use std::convert::Infallible;
use std::fs;
use std::path::Path;
use std::sync::OnceLock;
use sterna_env::Env;

pub async fn dev(env: &Env, args: Dev, form: Form) -> Result<Outcome> {
    let _logs = logs(&args.common)?;
    let (model, model_name) = match &args.model {
        Some(path) => {
            (fs::read_to_string(path).with_context(|| format!("the model {} can't be read", path.display()))?, path.display().to_string())
        }
        None => (SHOP.to_owned(), SHOP_NAME.to_owned()),
    };
    let shop = args.model.is_none();
    let options = ClusterOptions {
        data: args.data,
        fresh: args.fresh,
        port: Some(args.common.port),
        ..ClusterOptions::new(model, model_name, args.regions)
    };
    let named = options.model_name.clone();
    let file = args.model;
    let stop = asked_to_stop()?;
    let cluster = Cluster::start(env, options).await?;
    let known = announce(env, &cluster, &named, form);
    let outcome = tokio::select! {
        biased;
        () = stop => Ok(Outcome::Done),
        failed = wait_ready(env, &cluster, &known, shop, form) => failed,
        never = follow(env, file.as_deref(), &cluster) => match never {},
    };
    known.forget();
    cluster.stop().await;
    outcome
}

/// The built-in shop never changes.
async fn follow(env: &Env, file: Option<&Path>, cluster: &Cluster) -> Infallible {
    match file {
        Some(file) => watch(env, file, cluster).await,
        None => std::future::pending().await,
    }
}

/// Returns only if the regions do not get ready.
async fn wait_ready(env: &Env, cluster: &Cluster, known: &DevRegions, shop: bool, form: Form) -> Result<Outcome> {
    cluster.ready(env).await?;
    if form == Form::Json {
        answer(&json!({ "ready": true }));
        return std::future::pending().await;
    }
    let first = &known.regions[0];
    if shop {
        say("\nTry it:");
        say(format!(
            "  curl -s {}/v1/cart/c1/add_item -H 'content-type: application/json' -d '{{\"sku\":\"tea\",\"quantity\":2}}'",
            first.url
        ));
        say(format!("  sterna get cart c1 --region {}", known.regions[known.regions.len() - 1].region));
    } else {
        say(format!("\nTry it:\n  curl -s {}/openapi.json", first.url));
    }
    say("\nCtrl-C stops.");
    std::future::pending().await
}

pub async fn demo(env: &Env, args: Demo, form: Form) -> Result<Outcome> {
    let _logs = logs(&args.common)?;
    let source = match &args.data {
        Some(folder) => demo::Source::folder(folder)?,
        None => demo::Source::Sample,
    };
    let stop = asked_to_stop()?;
    let cluster = Cluster::start(
        env,
        ClusterOptions {
            data: args.store,
            fresh: args.fresh,
            port: Some(args.common.port),
            ..ClusterOptions::new(demo::MODEL, demo::MODEL_NAME, demo::REGIONS)
        },
    )
    .await?;
    let known = announce(env, &cluster, demo::MODEL_NAME, form);
    let verdict = OnceLock::new();
    let showing = async {
        let outcome = demo::run(env, &cluster, &known, &source).await?;
        if form == Form::Json {
            answer(&json!({ "equal": matches!(outcome, Outcome::Done) }));
        }
        let _ = verdict.set(outcome);
        if !args.exit {
            say("\nThe regions stay up; Ctrl-C stops them.");
            std::future::pending::<()>().await;
        }
        Ok(())
    };
    let shown: Result<()> = tokio::select! {
        biased;
        () = stop => Ok(()),
        shown = showing => shown,
    };
    known.forget();
    cluster.stop().await;
    shown.map(|()| verdict.into_inner().unwrap_or(Outcome::Done))
}

/// Says what runs where, and leaves word of it for other command lines.
fn announce(env: &Env, cluster: &Cluster, model: &str, form: Form) -> DevRegions {
    let known = cluster.known(env);
    if let Err(error) = known.save() {
        note(format!("{error:#}; `call` and the others need --url"));
    }
    if form == Form::Json {
        answer(&json!({ "model": model, "regions": known.regions, "data": cluster.folder().0 }));
        return known;
    }
    say(format!("{} regions run {model}:", known.regions.len()));
    known.regions.iter().for_each(|region| say(format!("  {:<14} {}", region.region, region.url)));
    let (folder, kept) = cluster.folder();
    say(format!("Their data is in {}{}.", folder.display(), if kept { "" } else { ", which is removed at the end" }));
    known
}

fn logs(common: &Common) -> Result<sterna_telemetry::Guard> {
    let options = sterna_telemetry::Options {
        format: sterna_telemetry::LogFormat::Text,
        filter: common.log.clone(),
        service: "sterna".to_owned(),
        region: "dev".to_owned(),
        otlp_endpoint: None,
    };
    Ok(sterna_telemetry::init(options)?)
}
