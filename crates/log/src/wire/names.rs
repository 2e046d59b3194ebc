//! Names that recur (of types, commands, fields, variants) are decoded to one shared string.

use std::cell::RefCell;
use sterna_crdt::Name;
use xxhash_rust::xxh3::xxh3_64;

const SLOTS: usize = 512;
const BYTES_MAX: usize = 64;

thread_local! {
    static SEEN: RefCell<[Option<Name>; SLOTS]> = const { RefCell::new([const { None }; SLOTS]) };
}

/// A name equal to `text`: the last one made in its slot if that is it.
pub(super) fn shared(text: &str) -> Name {
    if text.len() > BYTES_MAX {
        return text.into();
    }
    SEEN.with_borrow_mut(|seen| {
        let slot = &mut seen[xxh3_64(text.as_bytes()) as usize % SLOTS];
        match slot {
            Some(name) if **name == *text => name.clone(),
            _ => slot.insert(text.into()).clone(),
        }
    })
}
