//! What a region tells Prometheus, in the text format.

use crate::{Answer, Region};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug, Default)]
pub struct Metrics {
    /// By name: help and type.
    pub families: BTreeMap<String, Family>,
    pub samples: Vec<Sample>,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Family {
    pub help: String,
    pub kind: String,
    /// Of its samples, without `le`.
    pub labels: BTreeSet<String>,
}

#[derive(Clone, Debug)]
pub struct Sample {
    pub name: String,
    pub labels: BTreeMap<String, String>,
    pub value: f64,
}

impl Region {
    /// What `/metrics` says now.
    pub async fn metrics(&self) -> Metrics {
        Metrics::parse(&self.get("/metrics").ok().await)
    }
}

impl Metrics {
    fn parse(answer: &Answer) -> Self {
        let mut all = Self::default();
        for line in answer.text().lines() {
            match line.strip_prefix("# ").map(|rest| rest.splitn(3, ' ').collect::<Vec<_>>()).as_deref() {
                Some(["HELP", name, help]) => (*help).clone_into(&mut all.families.entry((*name).to_owned()).or_default().help),
                Some(["TYPE", name, kind]) => (*kind).clone_into(&mut all.families.entry((*name).to_owned()).or_default().kind),
                Some(_) => panic!("neither help nor type: {line}"),
                None => all.samples.push(Sample::parse(line)),
            }
        }
        for sample in &all.samples {
            let name = all.family_of(&sample.name);
            let labels = sample.labels.keys().filter(|label| *label != "le").cloned();
            all.families.get_mut(&name).unwrap_or_else(|| panic!("{name} has no type")).labels.extend(labels);
        }
        all
    }

    fn family_of(&self, sample: &str) -> String {
        let of = ["_bucket", "_sum", "_count"].iter().filter_map(|end| sample.strip_suffix(end));
        of.into_iter().find(|name| self.families.contains_key(*name)).unwrap_or(sample).to_owned()
    }

    /// The sum of all samples that have these labels; `None` if there is none.
    pub fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let fits = |sample: &&Sample| {
            sample.name == name && labels.iter().all(|(label, value)| sample.labels.get(*label).is_some_and(|held| held == value))
        };
        self.samples.iter().filter(fits).map(|sample| sample.value).reduce(|a, b| a + b)
    }
}

impl Sample {
    fn parse(line: &str) -> Self {
        let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no sample: {line}"));
        let (name, labels) = series.strip_suffix('}').and_then(|series| series.split_once('{')).unwrap_or((series, ""));
        let label = |pair: &str| {
            let (label, value) = pair.split_once("=\"").unwrap_or_else(|| panic!("no label: {line}"));
            (label.to_owned(), value.trim_end_matches('"').to_owned())
        };
        let labels = labels.split("\",").filter(|pair| !pair.is_empty()).map(label).collect();
        Self { name: name.to_owned(), labels, value: value.parse().unwrap_or_else(|error| panic!("{error}: {line}")) }
    }
}
