//! Where a command line goes: a region of `dev`, or a url.

use super::args::{Where, Who};
use crate::dev::{PORT, REGIONS};
use crate::home::{DevRegion, DevRegions, Session};
use anyhow::Result;
use sterna_client::{Client, Error, Options};
use sterna_env::Env;

pub struct Target {
    pub url: String,
    /// Sessions of different ones are kept apart.
    pub cluster: String,
}

impl Target {
    pub fn find(at: &Where) -> Result<Self> {
        if let Some(url) = &at.url {
            return Ok(Self { url: url.clone(), cluster: "url".to_owned() });
        }
        let known = dev_regions();
        let named = at.region.as_ref().unwrap_or(&known.regions[0].region);
        Ok(Self { url: known.url(named)?.to_owned(), cluster: known.run })
    }

    pub fn client(&self, env: &Env) -> Result<Client> {
        // One address was asked for, so nothing is tried elsewhere, and a person waits.
        Ok(Client::new(env.clone(), Options { attempts_max: 3, ..Options::new([self.url.as_str()]) })?)
    }

    pub fn session(&self, who: &Who) -> Session {
        Session::new(&self.cluster, &who.session)
    }

    /// An error as it is told.
    pub fn told(&self, error: Error) -> anyhow::Error {
        match error {
            Error::Unreachable { .. } => {
                anyhow::Error::new(error).context(format!("{} does not answer; is it running? `sterna dev` starts regions", self.url))
            }
            error => anyhow::Error::new(error),
        }
    }
}

/// The regions that `dev` said it runs, or those that it would.
pub fn dev_regions() -> DevRegions {
    DevRegions::load().filter(|known| !known.regions.is_empty()).unwrap_or_else(|| {
        let numbered = (1..).zip(REGIONS);
        let region = |(n, region): (u16, &str)| DevRegion { region: region.to_owned(), url: format!("http://127.0.0.1:{}", PORT + n) };
        DevRegions { run: "dev".to_owned(), regions: numbered.map(region).collect() }
    })
}
