//! Every bound of this crate.

use std::time::Duration;

#[derive(Clone, Debug)]
pub struct Limits {
    /// The body of one command.
    pub body_bytes_max: usize,
    /// Of the body of a refused request, so much is read and dropped, so that its sender gets to read the answer.
    pub body_discard_bytes_max: usize,
    pub body_discard_wait: Duration,
    /// Of what a client still sends when its connection is closed behind a refusal, so much is read and dropped.
    pub linger_bytes_max: usize,
    pub linger_max: Duration,
    /// One line of a bulk request, without its end.
    pub line_bytes_max: usize,
    /// Commands of one bulk request that wait for their answers; beyond, its body is not read on.
    pub bulk_in_flight_max: usize,
    /// Events that views may be behind; beyond, no bulk request's body is read on.
    pub bulk_views_behind_max: u64,
    /// Views that let nothing through for so long hold this request up no more.
    pub bulk_views_wait: Duration,
    /// Answers of one bulk request that its client has not read yet, in chunks of [`Self::bulk_chunk_bytes`]; beyond, its body is
    /// not read on.
    pub bulk_unread_chunks_max: usize,
    pub bulk_chunk_bytes: usize,
    /// Without a byte for so long, a body is given up.
    pub body_silence_max: Duration,
    /// Bulk requests at once.
    pub bulks_max: usize,
    /// Followers of the change feed at once.
    pub feeds_max: usize,
    /// Other requests at once.
    pub requests_max: usize,
    /// Connections at once; more wait to be accepted.
    pub connections_max: usize,
    pub header_bytes_max: usize,
    pub headers_max: usize,
    /// From a connection's first byte, or the last answer, to the end of a head. Also how long a connection may idle.
    pub head_wait_max: Duration,
    /// Streams of one HTTP/2 connection.
    pub streams_max: u32,
    /// How long a read or a command waits for what its token has seen, unless `Prefer: wait=` says otherwise.
    pub token_wait: Duration,
    pub token_wait_max: Duration,
    /// Tokens of one request.
    pub tokens_max: usize,
    /// Rows of a page of conflicts.
    pub conflict_rows_default: usize,
    pub conflict_rows_max: usize,
    /// What is under way when the server is asked to stop has so long to end.
    pub drain_max: Duration,
    /// A replica or a view that is further behind makes the region not ready; not looked at if `None`.
    pub ready_lag_max: Option<Duration>,
    pub ready_staleness_max: Option<Duration>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body_bytes_max: 1 << 20,
            body_discard_bytes_max: 8 << 20,
            body_discard_wait: Duration::from_secs(5),
            linger_bytes_max: 64 << 20,
            linger_max: Duration::from_secs(5),
            line_bytes_max: 1 << 20,
            bulk_in_flight_max: 4_096,
            bulk_views_behind_max: 8_000,
            bulk_views_wait: Duration::from_secs(10),
            bulk_unread_chunks_max: 512,
            bulk_chunk_bytes: 16 << 10,
            body_silence_max: Duration::from_secs(60),
            bulks_max: 64,
            feeds_max: 1_024,
            requests_max: 4_096,
            connections_max: 8_192,
            header_bytes_max: 64 << 10,
            headers_max: 100,
            head_wait_max: Duration::from_secs(75),
            streams_max: 256,
            token_wait: Duration::from_secs(2),
            token_wait_max: Duration::from_secs(60),
            tokens_max: 16,
            conflict_rows_default: 50,
            conflict_rows_max: 1_000,
            drain_max: Duration::from_secs(25),
            ready_lag_max: None,
            ready_staleness_max: None,
        }
    }
}

/// `Retry-After` of what passes by itself, in seconds.
pub(crate) const RETRY_AFTER_S: u64 = 1;
/// `Access-Control-Max-Age`.
pub(crate) const PREFLIGHT_AGE_S: u32 = 7_200;
/// A request id, an actor, or another header's text that is kept.
pub(crate) const HEADER_TEXT_MAX: usize = 128;
/// The store answers `/readyz` within this.
pub(crate) const READY_STORE_WAIT: Duration = Duration::from_secs(1);
/// Changes that one chunk of a feed holds.
pub(crate) const FEED_CHUNK_CHANGES_MAX: usize = 256;
