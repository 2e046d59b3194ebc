//! One document.

use super::Found;
use crate::document::{Held, render};
use crate::keys::document;
use crate::shared::Shared;
use crate::{ReadRefused, query};
use std::time::Duration;
use sterna_log::{Token, shard_of};
use sterna_write::ETag;

impl Shared {
    pub(crate) async fn document(&self, kind: &str, id: &str, token: Option<&Token>, wait: Duration) -> Result<Found, ReadRefused> {
        query::check_id(id)?;
        let shard = shard_of(query::known_type(&self.plan(), kind)?.stored(), id, self.region.shards());
        self.wait_for(std::iter::once(shard), token, wait).await?;
        let snapshot = self.store.snapshot().await?;
        // A plan that is taken after the snapshot knows the layouts of everything in it.
        let plan = self.plan();
        let of = query::known_type(&plan, kind)?;
        let key = document::key(of.stored(), id);
        let first = sterna_store::get(&*snapshot, &key).await?.ok_or(ReadRefused::NotFound)?;
        let Held { record, .. } = Held::load(of, &plan.layouts, &key, first, &*snapshot).await?;
        if !record.present {
            return Err(ReadRefused::Deleted);
        }
        let json = render(of, id, &record).into();
        let token = self.answer_token(token, std::iter::once(shard));
        Ok(Found { json, etag: ETag::made_of(&record.seen, record.voided, plan.model.version), token })
    }
}
