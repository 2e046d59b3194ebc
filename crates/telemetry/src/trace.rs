//! W3C trace context (<https://www.w3.org/TR/trace-context/>), with or without an exporter.

use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt, TraceFlags, TraceId, TraceState};
use std::fmt;
use tracing::Span;
use tracing_opentelemetry::OpenTelemetrySpanExt;

/// What a `traceparent` header says: which trace, and which span of it is the parent. Neither is ever zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TraceContext {
    pub trace: u128,
    pub span: u64,
    pub sampled: bool,
}

impl TraceContext {
    /// `None` for what the recommendation calls invalid; a later version is read as far as version 00 goes.
    pub fn parse(header: &str) -> Option<Self> {
        let header = header.trim();
        let mut parts = header.splitn(5, '-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        let version = hex(version, 2)?;
        if version == 0xff || version == 0 && parts.next().is_some() {
            return None;
        }
        let (trace, span, flags) = (hex(trace, 32)?, hex(span, 16)?, hex(flags, 2)?);
        (trace != 0 && span != 0).then_some(Self { trace, span: span as u64, sampled: flags & 1 == 1 })
    }

    /// A span of the same trace.
    pub fn child(self, span: u64) -> Self {
        Self { span: span.max(1), ..self }
    }
}

/// The header's text, version 00.
impl fmt::Display for TraceContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "00-{:032x}-{:016x}-{:02x}", self.trace, self.span, u8::from(self.sampled))
    }
}

/// Lower-case digits only, and exactly `digits` of them.
fn hex(text: &str, digits: usize) -> Option<u128> {
    let valid = text.len() == digits && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    valid.then(|| u128::from_str_radix(text, 16).ok()).flatten()
}

/// Makes `span` a child of what the header said, for the exporter; nothing without one.
pub fn adopt(span: &Span, parent: TraceContext) {
    let flags = if parent.sampled { TraceFlags::SAMPLED } else { TraceFlags::default() };
    let ids = (TraceId::from(parent.trace), SpanId::from(parent.span));
    let remote = SpanContext::new(ids.0, ids.1, flags, true, TraceState::default());
    let _ = span.set_parent(opentelemetry::Context::new().with_remote_span_context(remote));
}

/// The context of an exported span, to be handed on; `None` without an exporter.
pub fn context_of(span: &Span) -> Option<TraceContext> {
    if span.is_disabled() {
        return None;
    }
    let context = span.context();
    let here = context.span();
    let here = here.span_context();
    let sampled = here.is_sampled();
    here.is_valid().then(|| TraceContext {
        trace: u128::from_be_bytes(here.trace_id().to_bytes()),
        span: u64::from_be_bytes(here.span_id().to_bytes()),
        sampled,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    #[test]
    fn a_header_survives_parsing_and_a_child_keeps_its_trace() {
        let context = TraceContext::parse(HEADER).expect("it is the recommendation's example");
        assert_eq!(context.to_string(), HEADER);
        assert_eq!(context.child(0xab).to_string(), "00-4bf92f3577b34da6a3ce929d0e0e4736-00000000000000ab-01");
        assert_eq!(context.child(0).span, 1);
    }

    #[test]
    fn a_later_version_may_say_more() {
        assert_eq!(TraceContext::parse(&HEADER.replacen("00", "01", 1)).map(|c| c.span), Some(0x00f0_67aa_0ba9_02b7));
        assert!(TraceContext::parse(&format!("01{}-more", &HEADER[2..])).is_some());
    }

    #[test]
    fn invalid_headers_are_none() {
        let zero_trace = "00-00000000000000000000000000000000-00f067aa0ba902b7-01";
        let zero_span = "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01";
        let extra = format!("{HEADER}-more");
        let version = HEADER.replacen("00", "ff", 1);
        let upper = HEADER.to_uppercase();
        for header in [
            "",
            "-",
            "00",
            "00-é",
            zero_trace,
            zero_span,
            &extra,
            &version,
            &upper,
            &HEADER[..54],
            "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        ] {
            assert_eq!(TraceContext::parse(header), None, "{header:?}");
        }
    }

    #[test]
    fn without_an_exporter_a_span_has_no_context() {
        assert_eq!(context_of(&Span::none()), None);
    }
}
