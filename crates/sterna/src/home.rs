//! What the command line keeps between two calls: where the regions of `dev` are, and what each session has seen.
//!
//! Everything is in one folder, `$XDG_STATE_HOME/sterna` or `~/.local/state/sterna`. Losing it loses no data.

use anyhow::{Context, Result, bail};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::{fs, io};

/// The regions that `sterna dev` or `sterna demo` runs, or ran last.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DevRegions {
    /// Names one life of the data, so that no session outlives it.
    pub run: String,
    pub regions: Vec<DevRegion>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DevRegion {
    pub region: String,
    pub url: String,
}

const REGIONS: &str = "dev.json";

#[allow(clippy::disallowed_methods, reason = "the command line belongs to this crate, which reads the environment for all")]
fn folder() -> PathBuf {
    let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    let state = set("XDG_STATE_HOME").map(PathBuf::from).or_else(|| set("HOME").map(|home| PathBuf::from(home).join(".local/state")));
    state.unwrap_or_else(std::env::temp_dir).join("sterna")
}

impl DevRegions {
    /// Of the last `dev`; nothing if there was none.
    pub fn load() -> Option<Self> {
        serde_json::from_slice(&fs::read(folder().join(REGIONS)).ok()?).ok()
    }

    /// Where a region is.
    pub fn url(&self, name: &str) -> Result<&str> {
        match self.regions.iter().find(|region| region.region == name) {
            Some(region) => Ok(&region.url),
            None => {
                let names: Vec<&str> = self.regions.iter().map(|region| region.region.as_str()).collect();
                bail!("there is no region `{name}`; there are {}. For another cluster give --url", names.join(", "))
            }
        }
    }

    pub fn save(&self) -> Result<()> {
        write(REGIONS, &serde_json::to_vec_pretty(self)?)
    }

    /// Forgets these regions, unless another `dev` has taken their place.
    pub fn forget(&self) {
        if Self::load().is_some_and(|held| held.run == self.run) {
            let _ = fs::remove_file(folder().join(REGIONS));
        }
    }
}

/// A session's token, kept in a file.
pub struct Session {
    file: String,
}

impl Session {
    /// `cluster` keeps apart what must not be mixed; `name` is the user's.
    pub fn new(cluster: &str, name: &str) -> Self {
        let plain = |text: &str| text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).collect::<String>();
        Self { file: format!("session-{}-{}.token", plain(cluster), plain(name)) }
    }

    pub fn token(&self) -> Option<String> {
        let text = fs::read_to_string(folder().join(&self.file)).ok()?;
        Some(text.trim().to_owned()).filter(|token| !token.is_empty())
    }

    pub fn keep(&self, token: Option<&str>) -> Result<()> {
        match token {
            Some(token) => write(&self.file, token.as_bytes()),
            None => match fs::remove_file(folder().join(&self.file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            },
        }
    }
}

/// Written beside and renamed, so that a reader sees the old or the new.
fn write(name: &str, bytes: &[u8]) -> Result<()> {
    let folder = folder();
    let path = folder.join(name);
    let beside = folder.join(format!("{name}.{}", std::process::id()));
    let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&beside, bytes)).and_then(|()| fs::rename(&beside, &path));
    written.with_context(|| format!("{} can't be written", path.display()))
}
