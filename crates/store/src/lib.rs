//! The store's contract, limits, conformance suite and memory engine.
