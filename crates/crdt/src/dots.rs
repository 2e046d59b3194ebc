//! A mark that is there while an update which made it has not been taken away: an element of a set, a true flag, presence.
//!
//! The base stands for every closed mark and has no dots, because whatever takes marks away from now on has observed it. A new
//! mark replaces those that its update observed: whoever removes the new one has seen the old ones too. So there is at most one
//! open dot an incarnation.

use crate::{Dot, Update, VersionVector};
use smallvec::SmallVec;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Dots {
    pub(crate) base: bool,
    pub(crate) open: SmallVec<[Dot; 1]>,
}

impl Dots {
    pub fn add(&mut self, update: &Update, open: bool) {
        self.forget(&update.seen);
        if !open {
            self.base = true;
        } else if let Err(at) = self.open.binary_search(&update.dot) {
            self.open.insert(at, update.dot);
        }
    }

    /// Takes away the base and the open marks that `seen` holds.
    pub fn forget(&mut self, seen: &VersionVector) {
        self.base = false;
        self.open.retain(|dot| !seen.contains(*dot));
    }

    /// The mark of `dot`, if it is still there, joins the base.
    pub fn close(&mut self, dot: Dot) {
        self.base |= self.drop_open(dot);
    }

    pub fn close_all(&mut self) {
        self.base = self.is_set();
        self.open.clear();
    }

    pub fn drop_open(&mut self, dot: Dot) -> bool {
        let found = self.open.binary_search(&dot);
        if let Ok(at) = found {
            self.open.remove(at);
        }
        found.is_ok()
    }

    pub fn is_set(&self) -> bool {
        self.base || !self.open.is_empty()
    }
}
