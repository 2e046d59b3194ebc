//! What this session has seen.

use parking_lot::Mutex;

/// The most tokens kept at once. A session with more requests under way than this should be split with
/// [`Client::session`](crate::Client::session): the oldest token is forgotten.
const TOKENS_MAX: usize = 8;

/// Tokens are opaque, so they can't be joined here. The answer to a request covers the tokens that it was sent with and takes
/// their place; those of requests that ran beside it stay until a later request carries them all.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<Vec<String>>);

impl Tokens {
    pub fn sent(&self) -> Vec<String> {
        self.0.lock().clone()
    }

    pub fn answered(&self, sent: &[String], token: &str) {
        let mut held = self.0.lock();
        held.retain(|known| !sent.contains(known) && known != token);
        held.push(token.to_owned());
        if held.len() > TOKENS_MAX {
            held.remove(0);
        }
    }

    pub fn adopt(&self, header: &str) {
        header.split(',').map(str::trim).filter(|token| !token.is_empty()).for_each(|token| self.answered(&[], token));
    }

    /// A header's value; `None` before anything was seen.
    pub fn header(tokens: &[String]) -> Option<String> {
        (!tokens.is_empty()).then(|| tokens.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_takes_the_place_of_what_its_request_carried() {
        let tokens = Tokens::default();
        tokens.answered(&[], "a");
        let (first, second) = (tokens.sent(), tokens.sent());
        tokens.answered(&first, "b");
        tokens.answered(&second, "c");
        assert_eq!(tokens.sent(), ["b", "c"], "neither saw the other");
        tokens.answered(&tokens.sent(), "d");
        assert_eq!(tokens.sent(), ["d"]);
    }

    #[test]
    fn tokens_are_bounded() {
        let tokens = Tokens::default();
        (0..100).for_each(|n| tokens.answered(&[], &n.to_string()));
        assert_eq!(tokens.sent().len(), TOKENS_MAX);
        assert_eq!(tokens.sent().last().map(String::as_str), Some("99"));
    }
}
