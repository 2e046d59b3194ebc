//! A place in the feed.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as BASE64;
use std::fmt;
use std::str::FromStr;

/// Exact: what follows it has not been heard, what precedes it has. Opaque as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cursor {
    /// Of the read store.
    pub(crate) life: u64,
    pub(crate) page: u64,
    /// Changes of the page that were heard.
    pub(crate) heard: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("this is no cursor of a change feed; send the last `id` unchanged, or none")]
pub struct CursorError;

const FORMAT: u8 = 3;
const BYTES: usize = 1 + 8 + 8 + 4;

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bytes = [FORMAT; BYTES];
        bytes[1..9].copy_from_slice(&self.life.to_be_bytes());
        bytes[9..17].copy_from_slice(&self.page.to_be_bytes());
        bytes[17..].copy_from_slice(&self.heard.to_be_bytes());
        f.write_str(&BASE64.encode(bytes))
    }
}

impl FromStr for Cursor {
    type Err = CursorError;

    fn from_str(text: &str) -> Result<Self, CursorError> {
        let bytes = BASE64.decode(text.trim()).map_err(|_| CursorError)?;
        let (&FORMAT, rest) = bytes.split_first().ok_or(CursorError)? else { return Err(CursorError) };
        let (life, rest) = rest.split_first_chunk().ok_or(CursorError)?;
        let (page, rest) = rest.split_first_chunk().ok_or(CursorError)?;
        let heard = rest.try_into().map_err(|_| CursorError)?;
        Ok(Self { life: u64::from_be_bytes(*life), page: u64::from_be_bytes(*page), heard: u32::from_be_bytes(heard) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_survives_its_text(life: u64, page: u64, heard: u32) {
            let cursor = Cursor { life, page, heard };
            prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        }

        #[test]
        fn garbage_is_refused(text in "\\PC{0,40}") {
            if let Ok(cursor) = text.parse::<Cursor>() {
                prop_assert_eq!(cursor.to_string(), text.trim());
            }
        }
    }
}
