//! Commands to events: one transaction for each batch of a shard.
