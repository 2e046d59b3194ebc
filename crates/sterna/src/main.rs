//! The binary: configuration, composition, command line.

fn main() {}
