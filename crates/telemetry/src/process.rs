//! What the operating system says of this process, under Prometheus' standard names. Read from `/proc` at each scrape; elsewhere
//! than on Linux there is nothing.

use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Gauge, Opts};
use std::fs;

/// `USER_HZ`: the unit of times in `/proc/self/stat`, the same on every architecture that Linux has now.
const TICKS_PER_SECOND: f64 = 100.0;

/// CPU, memory, threads and open files of this process.
pub struct ProcessCollector {
    gauges: [Gauge; 7],
}

const NAMES: [(&str, &str); 7] = [
    ("process_cpu_seconds_total", "User and system CPU time spent, in seconds."),
    ("process_resident_memory_bytes", "Resident memory, in bytes."),
    ("process_virtual_memory_bytes", "Virtual memory, in bytes."),
    ("process_threads", "Threads."),
    ("process_open_fds", "Open file descriptors."),
    ("process_max_fds", "The most file descriptors that may be open."),
    ("process_start_time_seconds", "When the process started, in seconds since the Unix epoch."),
];

impl ProcessCollector {
    pub fn new() -> Result<Self, prometheus::Error> {
        let mut gauges = Vec::with_capacity(NAMES.len());
        for (name, help) in NAMES {
            gauges.push(Gauge::with_opts(Opts::new(name, help))?);
        }
        Ok(Self { gauges: gauges.try_into().map_err(|_| prometheus::Error::Msg("one gauge a name".to_owned()))? })
    }
}

impl Collector for ProcessCollector {
    fn desc(&self) -> Vec<&Desc> {
        self.gauges.iter().flat_map(Collector::desc).collect()
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Some(reading) = Reading::take() else { return Vec::new() };
        let values = reading.values();
        let known = self.gauges.iter().zip(values).filter_map(|(gauge, value)| Some((gauge, value?)));
        let mut families: Vec<_> = known
            .flat_map(|(gauge, value)| {
                gauge.set(value);
                gauge.collect()
            })
            .collect();
        let total = families.iter_mut().find(|family| family.name() == NAMES[0].0);
        if let Some(family) = total {
            count(family);
        }
        families
    }
}

/// A total is a counter, which a gauge of the library can't be and a counter of it can't be set.
fn count(family: &mut MetricFamily) {
    let mut counter = prometheus::proto::Counter::default();
    counter.set_value(family.get_metric().first().map_or(0.0, |metric| metric.get_gauge().get_value()));
    let mut metric = prometheus::proto::Metric::default();
    metric.set_counter(counter);
    family.set_metric(vec![metric]);
    family.set_field_type(prometheus::proto::MetricType::COUNTER);
}

struct Reading {
    stat: String,
    status: String,
}

impl Reading {
    fn take() -> Option<Self> {
        Some(Self { stat: fs::read_to_string("/proc/self/stat").ok()?, status: fs::read_to_string("/proc/self/status").ok()? })
    }

    /// In the order of [`NAMES`].
    fn values(&self) -> [Option<f64>; 7] {
        let cpu = self.ticks(14).zip(self.ticks(15)).map(|(user, system)| user + system);
        let open = fs::read_dir("/proc/self/fd").ok().map(|folder| folder.count() as f64);
        [cpu, self.kibibytes("VmRSS:"), self.kibibytes("VmSize:"), self.status("Threads:"), open, most_files(), self.started()]
    }

    /// A field of `stat` by its number in proc(5). Counted behind the command's name, which may hold anything.
    fn ticks(&self, number: usize) -> Option<f64> {
        let (_, fields) = self.stat.rsplit_once(") ")?;
        fields.split(' ').nth(number - 3)?.parse::<f64>().ok().map(|ticks| ticks / TICKS_PER_SECOND)
    }

    fn status(&self, name: &str) -> Option<f64> {
        let line = self.status.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    }

    fn kibibytes(&self, name: &str) -> Option<f64> {
        self.status(name).map(|kib| kib * 1024.0)
    }

    fn started(&self) -> Option<f64> {
        let stat = fs::read_to_string("/proc/stat").ok()?;
        let booted: f64 = stat.lines().find_map(|line| line.strip_prefix("btime "))?.trim().parse().ok()?;
        Some(booted + self.ticks(22)?)
    }
}

fn most_files() -> Option<f64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    limits.lines().find_map(|line| line.strip_prefix("Max open files"))?.split_whitespace().next()?.parse().ok()
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use prometheus::Registry;

    #[test]
    fn this_process_has_memory_threads_and_files() {
        let registry = Registry::new();
        registry.register(Box::new(ProcessCollector::new().expect("the names are valid"))).expect("it is the first");
        let text = crate::encode(&registry);
        let value = |name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
            line.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("{name} in {text}"))
        };
        assert!(value("process_resident_memory_bytes") > 500_000.0);
        assert!(value("process_threads") >= 1.0);
        assert!(value("process_open_fds") >= 3.0 && value("process_open_fds") <= value("process_max_fds"));
        assert!(value("process_start_time_seconds") > 1.6e9);
        assert!(text.contains("# TYPE process_cpu_seconds_total counter"), "{text}");
    }
}
