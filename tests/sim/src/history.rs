//! The history that all clients write together.

use parking_lot::Mutex;
use std::sync::Arc;
use sterna_checkers::{History, Step};

#[derive(Clone, Default)]
pub struct Shared(Arc<Mutex<History>>);

impl Shared {
    pub fn add(&self, step: Step) {
        self.0.lock().steps.push(step);
    }

    pub fn excuse(&self, keys: impl IntoIterator<Item = String>) {
        self.0.lock().excused.extend(keys);
    }

    pub fn take(&self) -> History {
        std::mem::take(&mut self.0.lock())
    }
}
