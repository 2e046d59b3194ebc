//! `Sterna-Token` of a request: one, or several that are joined.

use crate::headers::TOKEN;
use crate::{Code, Limits, Problem};
use http::HeaderMap;
use sterna_log::{Token, TokenKey};

/// `None` if there is none. A client whose requests ran beside each other sends the tokens of all their answers, as a list.
pub(crate) fn read(headers: &HeaderMap, key: &TokenKey, limits: &Limits) -> Result<Option<Token>, Problem> {
    let mut joined: Option<Token> = None;
    let mut count = 0;
    for value in headers.get_all(TOKEN) {
        let text = value.to_str().map_err(|_| sterna_log::TokenError::Garbage)?;
        for token in text.split(',').map(str::trim).filter(|token| !token.is_empty()) {
            count += 1;
            if count > limits.tokens_max {
                return Err(Problem::new(Code::InvalidHeader, format!("a request has at most {} tokens", limits.tokens_max)));
            }
            let token = Token::decode(token, key)?;
            match &mut joined {
                Some(joined) => joined.join(&token),
                None => joined = Some(token),
            }
        }
    }
    Ok(joined)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sterna_crdt::RegionId;
    use sterna_log::{LogId, Position, ShardId};

    fn token(shard: u16, version: u64) -> Token {
        Token::at(LogId { origin: RegionId(0), shard: ShardId(shard) }, Position::seal(1, version))
    }

    fn headers(values: &[String]) -> HeaderMap {
        values.iter().map(|value| (TOKEN, value.parse().expect("a header's value"))).collect()
    }

    #[test]
    fn tokens_of_several_answers_are_joined() {
        let key = TokenKey::derive(b"k");
        let (a, b, c) = (token(1, 10), token(1, 30), token(2, 20));
        let sent = headers(&[format!("{}, {}", a.encode(&key), b.encode(&key)), c.encode(&key)]);
        let mut joined = b;
        joined.join(&c);
        assert_eq!(read(&sent, &key, &Limits::default()).expect("all are ours"), Some(joined));
        assert_eq!(read(&headers(&[" , ".to_owned()]), &key, &Limits::default()).expect("nothing is no token"), None);
    }

    #[test]
    fn garbage_foreign_and_too_many_tokens_are_refused() {
        let (ours, theirs) = (TokenKey::derive(b"k"), TokenKey::derive(b"other"));
        let code = |values: &[String]| read(&headers(values), &ours, &Limits::default()).expect_err("refused").code;
        assert_eq!(code(&["garbage".to_owned()]), Code::InvalidToken);
        assert_eq!(code(&[token(1, 1).encode(&theirs)]), Code::ForeignToken);
        let many = vec![token(1, 1).encode(&ours); Limits::default().tokens_max + 1];
        assert_eq!(code(&many), Code::InvalidHeader);
    }
}
