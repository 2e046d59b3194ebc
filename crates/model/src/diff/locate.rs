//! Where in a model's text something is declared.

use crate::reader::Span;
use toml::de::{DeTable, DeValue};

pub(super) struct Place<'t>(toml::Spanned<DeTable<'t>>);

impl<'t> Place<'t> {
    pub fn new(text: &'t str) -> Self {
        Self(DeTable::parse_recoverable(text).0)
    }

    /// The key of `aggregate.cart.fields.note`, or of the innermost of these that is there; else the beginning.
    pub fn of(&self, path: &str) -> Span {
        let (mut table, mut span) = (Some(self.0.get_ref()), 0..0);
        for name in path.split('.') {
            let Some((key, value)) = table.and_then(|table| table.iter().find(|(key, _)| key.get_ref() == name)) else { break };
            span = key.span();
            table = match value.get_ref() {
                DeValue::Table(inner) => Some(inner),
                _ => None,
            };
        }
        span
    }
}
