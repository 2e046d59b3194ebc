//! What peers ask of this region beside its logs. The first byte of a request says which part answers.

use crate::escrow::Teller;
use crate::homes::{HandOver, Host};
use crate::limits::FETCH_WAIT;
use crate::lost::Registrar;
use crate::recall::Witness;
use bytes::Bytes;
use sterna_crdt::RegionId;
use sterna_env::Env;
use sterna_stream::FollowError;

/// [`crate::escrow`]: rights of a bounded counter.
pub(crate) const RIGHTS: u8 = 1;

/// [`crate::homes`]: commands, and homes to be given away.
pub(crate) const COMMANDS: u8 = 2;
pub(crate) const HAND_OVER: u8 = 3;

/// [`crate::lost`]: regions that were declared lost.
pub(crate) const LOST: u8 = 4;

/// [`crate::recall`]: what a region may have lost.
pub(crate) const RECALL: u8 = 5;

pub(crate) struct Desk {
    pub rights: Teller,
    pub host: Host,
    pub hand_over: HandOver,
    pub registrar: Registrar,
    pub witness: Witness,
}

impl Desk {
    pub async fn answer(&self, from: RegionId, request: Bytes) -> Result<Bytes, FollowError> {
        match request.first() {
            Some(&RIGHTS) => self.rights.answer(from, &request[1..]).await,
            Some(&COMMANDS) => self.host.answer(&request[1..]).await,
            Some(&HAND_OVER) => self.hand_over.answer(&request[1..]).await,
            Some(&LOST) => self.registrar.answer(&request[1..]).await,
            Some(&RECALL) => self.witness.answer(from, &request[1..]).await,
            _ => Err(FollowError::Malformed("a request of a newer release".to_owned())),
        }
    }
}

/// What a peer answers. One that takes longer than [`FETCH_WAIT`] counts as out of reach.
pub(crate) async fn answered<T>(env: &Env, asking: impl Future<Output = Result<T, FollowError>>) -> Result<T, FollowError> {
    let late = || Err(FollowError::Unreachable(format!("no answer within {FETCH_WAIT:?}")));
    env.timeout(FETCH_WAIT, asking).await.unwrap_or_else(late)
}

/// A request of one service.
pub(crate) fn request(service: u8, body: &impl serde::Serialize) -> Bytes {
    let mut request = vec![service];
    request.extend(postcard::to_stdvec(body).expect("a plain struct encodes"));
    request.into()
}

pub(crate) fn encode(answer: &impl serde::Serialize) -> Bytes {
    postcard::to_stdvec(answer).expect("a plain struct encodes").into()
}

pub(crate) fn decode<'a, T: serde::Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, FollowError> {
    postcard::from_bytes(bytes).map_err(|e| FollowError::Malformed(e.to_string()))
}
