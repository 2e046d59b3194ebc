//! Projector, views, queries, change feed.
