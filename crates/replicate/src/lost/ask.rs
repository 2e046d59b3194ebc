//! What regions ask each other about one that is lost.

use crate::desk::{decode, encode};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use std::sync::Weak;
use sterna_crdt::RegionId;
use sterna_stream::FollowError;
use sterna_write::{Fence, Writer};

#[derive(Serialize, Deserialize)]
pub(super) enum Ask {
    /// Copy nothing more of this region; how much do you have?
    Freeze { lost: u16, heir: u16 },
    /// The fence is this.
    Fence(Vec<u8>),
    /// It came to nothing.
    Thaw { lost: u16 },
    /// Which fences do you know?
    Fences,
}

/// Fences, encoded: of a freeze, how much there is.
pub(super) type Answer = Vec<Vec<u8>>;

pub(crate) struct Registrar {
    pub writer: Weak<Writer>,
}

impl Registrar {
    pub async fn answer(&self, request: &[u8]) -> Result<Bytes, FollowError> {
        let writer = self.writer.upgrade().ok_or_else(|| FollowError::Unreachable("it is stopping".to_owned()))?;
        Ok(encode(&carry_out(&writer, decode(request)?).await?))
    }
}

pub(super) async fn carry_out(writer: &Writer, ask: Ask) -> Result<Answer, FollowError> {
    let failed = |error: &dyn std::fmt::Display| FollowError::Unreachable(error.to_string());
    let own = |lost: u16| match RegionId(lost) == writer.region().me {
        true => Err(FollowError::Unreachable("the region that is to be declared lost answers".to_owned())),
        false => Ok(RegionId(lost)),
    };
    match ask {
        Ask::Freeze { lost, heir } => {
            let fence = writer.freeze(own(lost)?, RegionId(heir)).await.map_err(|e| failed(&e))?;
            Ok(vec![fence.encode().to_vec()])
        }
        Ask::Fence(bytes) => {
            let fence = Fence::decode(&bytes).map_err(|e| failed(&e))?;
            own(fence.region.0)?;
            writer.fence(fence).await.map_err(|e| failed(&e))?;
            Ok(Vec::new())
        }
        Ask::Thaw { lost } => {
            writer.thaw(own(lost)?).await.map_err(|e| failed(&e))?;
            Ok(Vec::new())
        }
        Ask::Fences => {
            let region = writer.region();
            let fences = region.membership.regions().filter_map(|r| region.fence(r)).filter(|fence| fence.ends.is_some());
            Ok(fences.map(|fence| fence.encode().to_vec()).collect())
        }
    }
}
