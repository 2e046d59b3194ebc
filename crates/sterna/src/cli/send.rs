//! `send`: a file of commands, with a progress bar where a terminal is.

use super::args::Send;
use super::target::Target;
use crate::out::{Form, Outcome, answer as answer_json, bad, say};
use anyhow::{Context, Result};
use bytes::Bytes;
use futures::StreamExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use sterna_client::{Answer, Done};
use sterna_env::Env;
use tokio::io::{AsyncRead, AsyncReadExt};

const CHUNK_BYTES: usize = 256 << 10;
/// Refusals that are printed; the rest are counted.
const SHOWN_MAX: u64 = 20;

pub async fn send(env: &Env, args: Send, form: Form) -> Result<Outcome> {
    let target = Target::find(&args.at)?;
    let (input, bytes) = open(&args.file).await?;
    let bar = bar(bytes);
    let read = Arc::new(AtomicU64::new(0));
    let failed = Arc::new(parking_lot::Mutex::new(None));
    let mut bulk = target.client(env)?.bulk(chunks(input, read.clone(), failed.clone())).await.map_err(|error| target.told(error))?;
    let mut refused = 0;
    while let Some(answer) = bulk.next().await {
        let answer = answer.map_err(|error| target.told(error))?;
        if !answer.is_accepted() {
            refused += 1;
            match form {
                Form::Json => bar.suspend(|| answer_json(&json!({ "line": answer.line, "status": answer.status, "body": answer.body }))),
                Form::Text if refused <= SHOWN_MAX => bar.suspend(|| say(refusal(&answer))),
                Form::Text => {}
            }
        }
        bar.set_position(read.load(Ordering::Relaxed));
        bar.set_message(format!("{} answered", bulk.answered()));
    }
    bar.finish_and_clear();
    if let Some(error) = failed.lock().take() {
        return Err(anyhow::Error::from(error).context(format!("{} can't be read to its end", args.file.display())));
    }
    let Done { accepted, refused, token } = bulk.done().cloned().context("the answer has no last line")?;
    match form {
        Form::Json => answer_json(&json!({ "done": true, "accepted": accepted, "refused": refused, "token": token })),
        Form::Text => {
            if refused > SHOWN_MAX {
                say(format!("… and {} more", refused - SHOWN_MAX));
            }
            say(format!("{accepted} accepted, {refused} refused"));
        }
    }
    Ok(if refused == 0 { Outcome::Done } else { Outcome::No })
}

fn refusal(answer: &Answer) -> String {
    let body: serde_json::Value = serde_json::from_str(answer.body.get()).unwrap_or_default();
    let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
    let errors = body["errors"].as_array().into_iter().flatten();
    let errors = errors
        .map(|error| format!("; {}: {}", error["pointer"].as_str().unwrap_or_default(), error["detail"].as_str().unwrap_or_default()));
    format!("line {}: {} {}: {}{}", answer.line, answer.status, bad(text("code")), text("detail"), errors.collect::<String>())
}

/// What is read, and how long it is, where that is known.
async fn open(path: &Path) -> Result<(Box<dyn AsyncRead + std::marker::Send + Unpin>, Option<u64>)> {
    if path == Path::new("-") {
        return Ok((Box::new(tokio::io::stdin()), None));
    }
    let file = tokio::fs::File::open(path).await.with_context(|| format!("{} can't be read", path.display()))?;
    let bytes = file.metadata().await.ok().filter(|data| data.is_file()).map(|data| data.len());
    Ok((Box::new(file), bytes))
}

/// The input as it is; an error ends it, and is left in `failed`.
fn chunks(
    input: Box<dyn AsyncRead + std::marker::Send + Unpin>,
    read: Arc<AtomicU64>,
    failed: Arc<parking_lot::Mutex<Option<std::io::Error>>>,
) -> impl futures::Stream<Item = Bytes> + std::marker::Send + 'static {
    futures::stream::unfold((input, read, failed), |(mut input, read, failed)| async move {
        let mut chunk = Vec::with_capacity(CHUNK_BYTES);
        match input.read_buf(&mut chunk).await {
            Ok(0) => None,
            Ok(count) => {
                read.fetch_add(count as u64, Ordering::Relaxed);
                Some((Bytes::from(chunk), (input, read, failed)))
            }
            Err(error) => {
                *failed.lock() = Some(error);
                None
            }
        }
    })
}

fn bar(bytes: Option<u64>) -> ProgressBar {
    let (bar, template) = match bytes {
        Some(bytes) => (ProgressBar::new(bytes), "{bar:40} {bytes}/{total_bytes}  {msg}  {eta} left"),
        None => (ProgressBar::new_spinner(), "{spinner} {bytes}  {msg}"),
    };
    bar.enable_steady_tick(Duration::from_millis(200));
    bar.with_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()))
}
