//! `call` and `get`: one command, one document, and the token in between.

use super::args::{Call, Get};
use super::session::with_session;
use super::target::Target;
use crate::out::{Form, Outcome, answer, good, note, say};
use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use sterna_client::{Accepted, Client};
use sterna_env::Env;

pub async fn call(env: &Env, args: Call, form: Form) -> Result<Outcome> {
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
    match form {
        Form::Json => {
            let Accepted { kind, id, event, key, etag, replayed, document } = accepted;
            answer(&json!({
                "type": kind, "id": id, "event": event, "key": key, "etag": etag, "replayed": replayed, "document": document,
            }));
        }
        Form::Text => {
            let replayed = if accepted.replayed { "  (replayed: the key was known)" } else { "" };
            let said = good("accepted");
            say(format!("{}/{} {} {said} as event {}{replayed}", accepted.kind, accepted.id, args.command, accepted.event));
            accepted.document.map(shown).transpose()?.iter().for_each(say);
            accepted.etag.iter().for_each(|etag| note(format!("ETag: {etag}")));
        }
    }
    Ok(Outcome::Done)
}

pub async fn get(env: &Env, args: Get, form: Form) -> Result<Outcome> {
    let target = Target::find(&args.at)?;
    let client = target.client(env)?;
    let session = target.session(&args.who);
    let read = async |client: &Client| client.get(&args.kind, &args.id).await;
    let found = with_session(&client, &session, read).await.map_err(|error| target.told(error))?;
    let Some(document) = found else { bail!("there is no {} `{}` here", args.kind, args.id) };
    match form {
        Form::Json => answer(&json!({ "document": document.body, "etag": document.etag })),
        Form::Text => {
            say(shown(document.body)?);
            document.etag.iter().for_each(|etag| note(format!("ETag: {etag}")));
        }
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
