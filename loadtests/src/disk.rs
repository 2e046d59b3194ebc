//! What the disk takes for itself.

use anyhow::Result;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::Instant;

/// The median of 200 syncs of 4 kB appended to a file.
pub fn fdatasync_ms(folder: &Path) -> Result<f64> {
    std::fs::create_dir_all(folder)?;
    let path = folder.join("fdatasync.probe");
    let mut file = File::create(&path)?;
    let mut times = Vec::new();
    for _ in 0..200 {
        file.write_all(&[7; 4096])?;
        let start = Instant::now();
        file.sync_data()?;
        times.push(start.elapsed());
    }
    std::fs::remove_file(path)?;
    times.sort();
    Ok(times[times.len() / 2].as_secs_f64() * 1000.0)
}
