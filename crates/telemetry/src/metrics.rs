//! `/metrics`, in the text format of Prometheus.

use prometheus::core::Collector;
use prometheus::{IntGaugeVec, Opts, Registry, TextEncoder};

/// Of what [`encode`] gives.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// What runs.
#[derive(Clone, Debug)]
pub struct Build<'a> {
    pub version: &'a str,
    pub commit: &'a str,
    pub model_version: u32,
    /// Hexadecimal.
    pub model_hash: &'a str,
}

/// Every family that has a sample. A family that can't be written is left out, never the others.
pub fn encode(registry: &Registry) -> String {
    let mut out = String::new();
    for family in registry.gather() {
        let before = out.len();
        if TextEncoder::new().encode_utf8(&[family], &mut out).is_err() {
            out.truncate(before);
        }
    }
    out
}

/// `sterna_build_info`, always 1.
pub fn register_build(registry: &Registry, build: &Build<'_>) -> Result<(), prometheus::Error> {
    let labels = ["version", "commit", "model_version", "model_hash"];
    let info = IntGaugeVec::new(Opts::new("sterna_build_info", "Which build and which model run; always 1."), &labels)?;
    info.with_label_values(&[build.version, build.commit, &build.model_version.to_string(), build.model_hash]).set(1);
    registry.register(Box::new(info) as Box<dyn Collector>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_build_is_a_metric() {
        let registry = Registry::new();
        let build = Build { version: "1.2.3", commit: "abc", model_version: 7, model_hash: "00ff" };
        register_build(&registry, &build).expect("it is the first");
        let text = encode(&registry);
        assert!(text.contains(r#"sterna_build_info{commit="abc",model_hash="00ff",model_version="7",version="1.2.3"} 1"#), "{text}");
        assert!(text.contains("# TYPE sterna_build_info gauge"));
    }
}
