//! What happened, line by line; the same for the same seed.

use parking_lot::Mutex;
use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;

#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Lines>>);

#[derive(Default)]
struct Lines {
    lines: Vec<String>,
    show: bool,
}

impl Trace {
    /// `show`: lines are printed as they come.
    pub fn new(show: bool) -> Self {
        Self(Arc::new(Mutex::new(Lines { lines: Vec::new(), show })))
    }

    #[allow(clippy::print_stdout, reason = "a replay is read by a person")]
    pub fn say(&self, at_ms: u64, who: &str, what: fmt::Arguments<'_>) {
        let line = format!("{:>8.3} {who:<9} {what}", at_ms as f64 / 1000.0);
        let mut lines = self.0.lock();
        if lines.show {
            println!("{line}");
        }
        lines.lines.push(line);
    }

    pub fn hash(&self) -> u64 {
        let mut hash = Fnv(0xcbf2_9ce4_8422_2325);
        self.0.lock().lines.iter().for_each(|line| hash.write(line.as_bytes()));
        hash.finish()
    }
}

/// FNV-1a: the same in every process.
pub struct Fnv(pub u64);

impl Hasher for Fnv {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
}
