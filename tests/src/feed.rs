//! A follower of the change feed that remembers where it was.

use crate::{Http, Lines, SOON};
use serde_json::Value;
use sterna_env::Env;

#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// The aggregate's type, or `reset`.
    pub kind: String,
    pub data: Value,
}

pub struct Feed {
    lines: Lines,
    /// Of the last event, for `Last-Event-ID`.
    pub last_id: Option<String>,
}

impl Feed {
    /// `path` is `/v1/changes` with its query.
    pub async fn open(http: &Http, path: &str, after: Option<&str>) -> Result<Self, String> {
        let request = http.get(path);
        let request = match after {
            Some(id) => request.header("last-event-id", id),
            None => request,
        };
        let lines = request.lines().await?;
        match lines.status.as_u16() {
            200 => Ok(Self { lines, last_id: after.map(str::to_owned) }),
            status => Err(format!("the feed answers {status}")),
        }
    }

    /// The next event; `None` if the connection ended.
    pub async fn next(&mut self) -> Option<Event> {
        Env::real().timeout(SOON, self.read()).await.expect("a feed is never silent for long")
    }

    async fn read(&mut self) -> Option<Event> {
        let (mut id, mut kind, mut data) = (None, String::new(), None);
        loop {
            let line = self.lines.next().await?;
            match line.split_once(": ").unwrap_or((&line, "")) {
                ("id", text) => id = Some(text.to_owned()),
                ("event", name) => name.clone_into(&mut kind),
                ("data", text) => data = serde_json::from_str(text).ok(),
                // An id counts once its event is whole.
                _ if line.is_empty() => {
                    self.last_id = id.take().or(self.last_id.take());
                    if !kind.is_empty() {
                        return Some(Event { kind, data: data.expect("a change has data") });
                    }
                }
                _ => {}
            }
        }
    }
}
