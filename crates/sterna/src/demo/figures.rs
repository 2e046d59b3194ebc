//! What the process uses.

use std::fs;

/// Resident memory, now and at most, as the system counts it.
pub fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    match (kilobytes(&status, "VmRSS:"), kilobytes(&status, "VmHWM:")) {
        (Some(now), Some(most)) => format!("Resident memory of all three regions: {} MB, at most {} MB.", now / 1000, most / 1000),
        _ => "Resident memory is not known on this system.".to_owned(),
    }
}

fn kilobytes(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kibibytes| kibibytes * 1024 / 1000)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_line_of_the_status_is_found() {
        assert_eq!(super::kilobytes("VmPeak:\t 5 kB\nVmRSS:\t    1000 kB\n", "VmRSS:"), Some(1024));
    }
}
