//! The names of headers that no standard registry has, or that `http` lacks.

use http::HeaderName;

pub(crate) const TOKEN: HeaderName = HeaderName::from_static("sterna-token");
pub(crate) const REGION: HeaderName = HeaderName::from_static("sterna-region");
pub(crate) const ACTOR: HeaderName = HeaderName::from_static("sterna-actor");
pub(crate) const KEY: HeaderName = HeaderName::from_static("idempotency-key");
pub(crate) const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
pub(crate) const PREFER: HeaderName = HeaderName::from_static("prefer");
pub(crate) const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
pub(crate) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
pub(crate) const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");
