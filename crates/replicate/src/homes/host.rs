//! Carries out what other regions forward.

use super::wire::{Answered, Forwarded};
use crate::desk::{decode, encode};
use bytes::Bytes;
use futures::future::join_all;
use std::collections::BTreeMap;
use std::sync::Weak;
use sterna_log::AggregateId;
use sterna_stream::FollowError;
use sterna_write::{Answer, Command, Writer};

pub(crate) struct Host {
    pub writer: Weak<Writer>,
}

impl Host {
    pub async fn answer(&self, request: &[u8]) -> Result<Bytes, FollowError> {
        let writer = self.writer.upgrade().ok_or_else(|| FollowError::Unreachable("it is stopping".to_owned()))?;
        let sent: Vec<Forwarded> = decode(request)?;
        let mut groups: BTreeMap<AggregateId, Vec<(usize, Command)>> = BTreeMap::new();
        for (at, command) in sent.into_iter().map(Command::from).enumerate() {
            groups.entry(command.aggregate.clone()).or_default().push((at, command));
        }
        let mut answers: Vec<(usize, Answer)> =
            join_all(groups.into_values().map(|group| one_by_one(&writer, group))).await.into_iter().flatten().collect();
        answers.sort_by_key(|(at, _)| *at);
        let answers: Vec<Answered> = answers.into_iter().map(|(_, answer)| answer.into()).collect();
        Ok(encode(&answers))
    }
}

/// Commands of one aggregate, queued in their order.
async fn one_by_one(writer: &Writer, group: Vec<(usize, Command)>) -> Vec<(usize, Answer)> {
    let mut replies = Vec::with_capacity(group.len());
    for (at, command) in group {
        replies.push((at, writer.submit_here(command).await));
    }
    let answers = replies.into_iter().map(async |(at, reply)| match reply {
        Ok(reply) => (at, reply.await),
        Err(refused) => (at, Err(refused)),
    });
    join_all(answers).await
}
