//! The stream's contract, conformance suite and memory engine.
