//! `call` and `get`: one command, one document, and the token in between.

use super::args::{Call, Get};
use super::target::Target;
use crate::home::Session;
use crate::out::{Outcome, note, say};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sterna_client::{Client, Error};
use sterna_env::Env;

pub async fn call(env: &Env, args: Call) -> Result<Outcome> {
    let target = Target::find(&args.at)?;
    let client = target.client(env)?;
    let session = target.session(&args.who);
    let arguments = arguments(&args.args)?;
    let key = args.key.clone().unwrap_or_else(|| client.make_key());
    let command = async |client: &Client| {
        let call = client.command(&args.kind, &args.id, &args.command, &arguments).key(&key).represent();
        match &args.if_match {
            Some(etag) => call.if_match(etag).send().await,
            None => call.send().await,
        }
    };
    let accepted = with_session(&client, &session, command).await.map_err(|error| target.told(error))?;
    let replayed = if accepted.replayed { "  (replayed: the key was known)" } else { "" };
    say(format!("{}/{} {} accepted as event {}{replayed}", accepted.kind, accepted.id, args.command, accepted.event));
    if let Some(document) = accepted.document {
        say(shown(document)?);
    }
    accepted.etag.iter().for_each(|etag| note(format!("ETag: {etag}")));
    Ok(Outcome::Done)
}

pub async fn get(env: &Env, args: Get) -> Result<Outcome> {
    let target = Target::find(&args.at)?;
    let client = target.client(env)?;
    let session = target.session(&args.who);
    let read = async |client: &Client| client.get(&args.kind, &args.id).await;
    match with_session(&client, &session, read).await.map_err(|error| target.told(error))? {
        Some(document) => {
            say(shown(document.body)?);
            document.etag.iter().for_each(|etag| note(format!("ETag: {etag}")));
        }
        None => bail!("there is no {} `{}` here", args.kind, args.id),
    }
    Ok(Outcome::Done)
}

/// In the order of the interface.
fn shown(document: Value) -> Result<String> {
    #[derive(Deserialize, Serialize)]
    struct Document {
        r#type: String,
        id: String,
        state: Value,
        conflicts: Value,
        created_at: Value,
        updated_at: Value,
    }
    Ok(serde_json::to_string_pretty(&serde_json::from_value::<Document>(document)?)?)
}

/// Does `work` as the session, and keeps what it has seen. A token of a cluster that is gone is forgotten.
async fn with_session<T>(client: &Client, session: &Session, work: impl AsyncFn(&Client) -> Result<T, Error>) -> Result<T, Error> {
    let kept = |client: &Client| session.keep(client.token().as_deref()).map_err(|error| Error::Configuration(format!("{error:#}")));
    if let Some(token) = session.token() {
        client.adopt_token(&token);
    }
    let answer = match work(client).await {
        Err(error) if matches!(error.code(), "foreign-token" | "invalid-token") => {
            let client = client.session();
            let answer = work(&client).await?;
            kept(&client)?;
            return Ok(answer);
        }
        answer => answer?,
    };
    kept(client)?;
    Ok(answer)
}

/// `k=v` with a JSON value, or a string that need not be quoted.
fn arguments(pairs: &[String]) -> Result<Map<String, Value>> {
    let mut arguments = Map::new();
    for pair in pairs {
        let (name, text) = pair.split_once('=').with_context(|| format!("`{pair}` is no argument; write it like quantity=2"))?;
        let value = serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
        if arguments.insert(name.to_owned(), value).is_some() {
            bail!("`{name}` is given twice");
        }
    }
    Ok(arguments)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(pairs: &[&str]) -> Result<Value> {
        arguments(&pairs.iter().map(|pair| (*pair).to_owned()).collect::<Vec<_>>()).map(Value::Object)
    }

    #[test]
    fn values_are_json_or_else_strings() {
        let read = read(&["n=2", "s=tea", "q=\"10\"", "t=true", "l=[1,2]", "e=", "u=a=b"]).expect("they are arguments");
        assert_eq!(read, json!({ "n": 2, "s": "tea", "q": "10", "t": true, "l": [1, 2], "e": "", "u": "a=b" }));
    }

    #[test]
    fn what_is_no_pair_is_refused() {
        assert!(read(&["tea"]).expect_err("it has no value").to_string().contains("quantity=2"));
        assert!(read(&["a=1", "a=2"]).expect_err("it is twice").to_string().contains("given twice"));
    }
}
