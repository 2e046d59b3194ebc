//! Traces over OTLP/HTTP.
//!
//! The batch processor has a thread of its own; every export runs on the process's tokio runtime, which the client needs.

use crate::{InitError, Options};
use opentelemetry::KeyValue;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter as Export};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

const EXPORT_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) fn provider(endpoint: &str, options: &Options) -> Result<SdkTracerProvider, InitError> {
    let unusable = |reason: String| InitError::Endpoint { endpoint: endpoint.to_owned(), reason };
    let target = traces_url(endpoint).ok_or_else(|| unusable("only http:// is spoken".to_owned()))?;
    let handle = Handle::try_current().map_err(|error| unusable(error.to_string()))?;
    let exporter = SpanExporter::builder().with_http().with_endpoint(target).with_timeout(EXPORT_TIMEOUT).build();
    let exporter = exporter.map_err(|error| unusable(error.to_string()))?;
    let attributes = [KeyValue::new("sterna.region", options.region.clone()), KeyValue::new("service.version", env!("CARGO_PKG_VERSION"))];
    let resource = Resource::builder_empty().with_service_name(options.service.clone()).with_attributes(attributes).build();
    Ok(SdkTracerProvider::builder()
        .with_resource(resource.clone())
        .with_batch_exporter(OnRuntime::new(exporter, &resource, handle))
        .build())
}

/// The collector's own path if it names one, else the standard one.
fn traces_url(endpoint: &str) -> Option<String> {
    let rest = endpoint.strip_prefix("http://")?.trim_end_matches('/');
    if rest.is_empty() {
        return None;
    }
    Some(if rest.contains('/') { format!("http://{rest}") } else { format!("http://{rest}/v1/traces") })
}

#[derive(Debug)]
struct OnRuntime {
    exporter: Arc<SpanExporter>,
    handle: Handle,
}

impl OnRuntime {
    fn new(mut exporter: SpanExporter, resource: &Resource, handle: Handle) -> Self {
        exporter.set_resource(resource);
        Self { exporter: Arc::new(exporter), handle }
    }
}

impl Export for OnRuntime {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let exporter = self.exporter.clone();
        let sent = self.handle.spawn(async move { exporter.export(batch).await });
        sent.await.map_err(|error| OTelSdkError::InternalFailure(error.to_string()))?
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.exporter.shutdown_with_timeout(timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::traces_url;

    #[test]
    fn the_standard_path_is_added_where_none_is_named() {
        assert_eq!(traces_url("http://c:4318").as_deref(), Some("http://c:4318/v1/traces"));
        assert_eq!(traces_url("http://c:4318/").as_deref(), Some("http://c:4318/v1/traces"));
        assert_eq!(traces_url("http://c/otlp/traces").as_deref(), Some("http://c/otlp/traces"));
        assert_eq!(traces_url("https://c:4318"), None);
        assert_eq!(traces_url("http://"), None);
    }
}
