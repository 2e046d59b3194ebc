//! What came out of one seed.

use crate::coverage::Coverage;
use serde_json::{Value, json};

#[derive(Clone, Debug, Default)]
pub struct Verdict {
    pub seed: u64,
    /// What did not hold: the checker, and what it found.
    pub found: Vec<String>,
    pub coverage: Coverage,
    /// Of the trace, which ends with what every region shows.
    pub hash: String,
    pub simulated_s: f64,
}

impl Verdict {
    pub fn to_json(&self) -> Value {
        json!({ "found": self.found, "coverage": self.coverage.to_json(), "hash": self.hash, "simulated_s": self.simulated_s })
    }

    /// Of a seed that did not come to its end.
    pub fn broken(seed: u64, what: String) -> Self {
        Self { seed, found: vec![what], ..Self::default() }
    }

    /// What a process that ran a seed has said. Nothing readable is a verdict too.
    pub fn from_json(seed: u64, said: &str) -> Self {
        let Some(value) = said.lines().last().and_then(|line| serde_json::from_str::<Value>(line).ok()) else {
            return Self::broken(seed, format!("panics: the process ended without a verdict: {said}"));
        };
        let found = value["found"].as_array().into_iter().flatten().map(|found| found.as_str().unwrap_or("?").to_owned());
        Self {
            seed,
            found: found.collect(),
            coverage: Coverage::from_json(&value["coverage"]),
            hash: value["hash"].as_str().unwrap_or("?").to_owned(),
            simulated_s: value["simulated_s"].as_f64().unwrap_or_default(),
        }
    }
}
