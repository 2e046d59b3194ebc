//! Field types and their merges; pure.
