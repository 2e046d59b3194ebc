//! The process's subscriber: one log layer, and a trace exporter if there is somewhere to send to.

use crate::otlp;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde::Deserialize;
use std::io::{self, IsTerminal};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt};

/// How a process logs, and where its traces go.
#[derive(Clone, Debug)]
pub struct Options {
    pub format: LogFormat,
    /// Directives as of `RUST_LOG`: `info,sterna_write=debug`.
    pub filter: String,
    /// `service.name` of its traces.
    pub service: String,
    /// The region, or regions, that the process runs: an attribute of its traces.
    pub region: String,
    /// An OTLP/HTTP collector (`http://host:4318`); traces stay here if `None`.
    pub otlp_endpoint: Option<String>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    #[default]
    Text,
    /// One object a line.
    Json,
}

#[derive(Debug, thiserror::Error)]
pub enum InitError {
    #[error("the log filter `{filter}` can't be read: {reason}; write it like `info,sterna_write=debug`")]
    Filter { filter: String, reason: String },
    #[error("the OTLP endpoint `{endpoint}` can't be used: {reason}; write it like `http://127.0.0.1:4318`")]
    Endpoint { endpoint: String, reason: String },
    #[error("logs are set up already")]
    Twice,
}

/// Keeps the exporter alive. Dropping it sends what is still to be sent.
#[must_use = "traces stop when the guard is dropped"]
pub struct Guard {
    provider: Option<SdkTracerProvider>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.provider.take().map(|provider| provider.shutdown()) {
            tracing::warn!(%error, "the last traces were not sent");
        }
    }
}

/// Sets up logs (to standard error) and traces. With an OTLP endpoint it must be called in a tokio runtime, and the guard must
/// be dropped outside of its worker threads, or in [`tokio::task::block_in_place`], because it waits.
pub fn init(options: Options) -> Result<Guard, InitError> {
    let unreadable = |error: &dyn std::fmt::Display| InitError::Filter { filter: options.filter.clone(), reason: error.to_string() };
    let filter = EnvFilter::builder().parse(&options.filter).map_err(|error| unreadable(&error))?;
    let provider = options.otlp_endpoint.as_deref().map(|endpoint| otlp::provider(endpoint, &options)).transpose()?;
    let traces = provider.as_ref().map(|provider| {
        let tracer = provider.tracer("sterna");
        tracing_opentelemetry::layer().with_tracer(tracer).with_filter(Targets::new().with_target("sterna", tracing::Level::DEBUG))
    });
    let registry = Registry::default().with(log_layer(options.format).with_filter(filter)).with(traces);
    registry.try_init().map_err(|_| InitError::Twice)?;
    Ok(Guard { provider })
}

fn log_layer<S>(format: LogFormat) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'s> tracing_subscriber::registry::LookupSpan<'s>,
{
    match format {
        LogFormat::Text => {
            // The layer itself looks at `NO_COLOR`.
            let layer = fmt::layer().with_writer(io::stderr);
            if io::stderr().is_terminal() { layer.boxed() } else { layer.with_ansi(false).boxed() }
        }
        LogFormat::Json => {
            fmt::layer().json().flatten_event(true).with_current_span(true).with_span_list(false).with_writer(io::stderr).boxed()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(filter: &str, endpoint: Option<&str>) -> Options {
        let endpoint = endpoint.map(str::to_owned);
        Options {
            format: LogFormat::Json,
            filter: filter.to_owned(),
            service: "sterna".to_owned(),
            region: "r".to_owned(),
            otlp_endpoint: endpoint,
        }
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_refused_with_its_text() {
        let error = init(options("sterna=loud=quiet", None)).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("`sterna=loud=quiet`")));
    }

    #[test]
    fn an_https_collector_is_refused_before_anything_is_sent() {
        let error = init(options("info", Some("https://collector:4318"))).err().map(|error| error.to_string());
        assert!(error.is_some_and(|error| error.contains("http://")));
    }
}
