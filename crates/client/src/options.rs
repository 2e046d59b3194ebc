//! How a client behaves, and its bounds.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Options {
    /// One or more regions or edges, `http://host:port`, best first. The next one is tried where one does not answer.
    pub urls: Vec<String>,
    /// For one attempt, from connecting to the last byte of its answer.
    pub timeout: Duration,
    /// Over all urls.
    pub attempts_max: u32,
    pub backoff_first: Duration,
    /// Also the longest `Retry-After` that is honoured.
    pub backoff_most: Duration,
    /// Requests under way at once at one url; more wait.
    pub connections_max: usize,
    pub answer_bytes_max: usize,
    /// Without a byte of a change feed for so long, the connection is made anew. A region sends one every 15 s.
    pub silence_max: Duration,
    /// Who acts, for the events; sent as `Sterna-Actor`.
    pub actor: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            urls: Vec::new(),
            timeout: Duration::from_secs(10),
            attempts_max: 8,
            backoff_first: Duration::from_millis(20),
            backoff_most: Duration::from_secs(5),
            connections_max: 64,
            answer_bytes_max: 64 << 20,
            silence_max: Duration::from_secs(45),
            actor: None,
        }
    }
}

impl Options {
    pub fn new(urls: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self { urls: urls.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}
