//! What the language has and this release does not guarantee: the model is told so, instead of being deceived.

use super::Loader;
use crate::reader::Span;

impl Loader<'_, '_> {
    pub(super) fn homes_are_not_yet(&mut self, span: Span) {
        let hint = "until homes are there, every region accepts its commands";
        self.report.note("not-yet", span, "homes are not enforced yet", hint);
    }
}
