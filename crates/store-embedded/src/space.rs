//! Whether there is room for more.

use std::{io, path::PathBuf, time::Instant};

use crate::{clock, limits::SPACE_TRUSTED};

/// Measures free bytes.
pub(crate) type Probe = Box<dyn Fn() -> io::Result<u64> + Send>;

/// Refuses before fjall would fail: its failure is for good, a refusal isn't.
pub(crate) struct Space {
    probe: Probe,
    reserve_bytes: u64,
    last: Option<(Instant, u64)>,
}

impl Space {
    pub(crate) fn new(probe: Probe, reserve_bytes: u64) -> Self {
        Self { probe, reserve_bytes, last: None }
    }

    /// What this user may still write to the file system of `path`.
    pub(crate) fn of(path: PathBuf) -> Probe {
        Box::new(move || {
            let stat = rustix::fs::statvfs(&path)?;
            Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
        })
    }

    /// Whether `bytes` more leave the reserve free. What can't be measured isn't refused.
    pub(crate) fn has_room(&mut self, bytes: u64) -> bool {
        let needed = self.reserve_bytes.saturating_add(bytes);
        let now = clock::now();
        if let Some((measured, free)) = self.last
            && free >= needed
            && now - measured < SPACE_TRUSTED
        {
            self.last = Some((measured, free - bytes));
            return true;
        }
        match (self.probe)() {
            Ok(free) => {
                self.last = Some((now, free.saturating_sub(bytes)));
                free >= needed
            }
            Err(error) => {
                tracing::warn!(%error, "free space can't be measured");
                true
            }
        }
    }
}
