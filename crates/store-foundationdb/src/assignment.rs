//! Which shards of a store a cluster holds, written down in the cluster.

use crate::OpenError;
use crate::error;
use crate::limits::{ASSIGN_ATTEMPTS_MAX, OPEN_WAIT};
use crate::options::Options;
use crate::subspace::Subspace;
use foundationdb::{Database, FdbError, Transaction};
use std::fmt;
use sterna_env::Env;

const KEY: &str = "part";
const FORMAT: u8 = 1;

/// Shards `first` to `last` of `shards`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Part {
    pub shards: u16,
    pub first: u16,
    pub last: u16,
}

impl Part {
    pub fn whole(shards: u16) -> Self {
        Self { shards, first: 0, last: shards.saturating_sub(1) }
    }

    fn encode(self) -> [u8; 7] {
        let [a, b] = self.shards.to_be_bytes();
        let [c, d] = self.first.to_be_bytes();
        let [e, f] = self.last.to_be_bytes();
        [FORMAT, a, b, c, d, e, f]
    }

    /// The format, if it is not this one.
    fn decode(bytes: &[u8]) -> Result<Self, u8> {
        match *bytes {
            [FORMAT, a, b, c, d, e, f] => {
                Ok(Self { shards: u16::from_be_bytes([a, b]), first: u16::from_be_bytes([c, d]), last: u16::from_be_bytes([e, f]) })
            }
            [format, ..] => Err(format),
            [] => Err(0),
        }
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shards, first, last } = self;
        write!(f, "shards {first} to {last} of {shards}")
    }
}

/// Writes down what this cluster holds, or checks what is written there. Of two processes that begin at once one writes, and the other
/// reads what it wrote.
pub(crate) async fn settle(database: &Database, subspace: &Subspace, options: &Options, coordinators: &str) -> Result<(), OpenError> {
    let path = || options.cluster_file.clone();
    let unreachable = |why: String| OpenError::Unreachable { path: path(), coordinators: coordinators.to_owned(), why };
    let mut last = None;
    for _ in 0..ASSIGN_ATTEMPTS_MAX {
        let waited = options.env.timeout(OPEN_WAIT, attempt(database, subspace, options.part)).await;
        let tried = waited.ok_or_else(|| unreachable(format!("no answer within {OPEN_WAIT:?}")))?;
        let stored = match tried {
            Ok(stored) => stored,
            Err(error) if error.is_retryable() => {
                pause(&options.env).await;
                last = Some(error);
                continue;
            }
            Err(error) => return Err(OpenError::Commit { path: path(), error: error::commit(error) }),
        };
        return match Part::decode(&stored) {
            Ok(part) if part == options.part => Ok(()),
            Ok(part) => Err(OpenError::OtherPart { path: path(), stored: part.to_string(), configured: options.part.to_string() }),
            Err(found) => Err(OpenError::Newer { path: path(), found, known: FORMAT }),
        };
    }
    Err(unreachable(last.map_or_else(String::new, |error| error.to_string())))
}

/// What the cluster says, after this.
async fn attempt(database: &Database, subspace: &Subspace, part: Part) -> Result<Vec<u8>, FdbError> {
    let t: Transaction = database.create_trx()?;
    let key = subspace.own(KEY);
    if let Some(stored) = t.get(&key, false).await? {
        return Ok(stored.to_vec());
    }
    t.set(&key, &part.encode());
    t.commit().await.map_err(FdbError::from)?;
    Ok(part.encode().to_vec())
}

async fn pause(env: &Env) {
    env.sleep(std::time::Duration::from_millis(100)).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_comes_back_and_another_format_is_told() {
        let part = Part { shards: 16, first: 8, last: 15 };
        assert_eq!(Part::decode(&part.encode()), Ok(part));
        assert_eq!(Part::decode(&[9, 0]), Err(9));
        assert_eq!(Part::whole(4).to_string(), "shards 0 to 3 of 4");
    }
}
