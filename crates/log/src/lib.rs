//! Region, shard, position, event, entry, frame, progress, token; pure.
