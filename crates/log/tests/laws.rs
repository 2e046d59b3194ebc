//! The laws of progress and of tokens.

mod any;

use proptest::collection::vec;
use proptest::prelude::*;
use sterna_crdt::RegionId;
use sterna_log::*;

fn joined(a: &Progress, b: &Progress) -> Progress {
    let mut joined = a.clone();
    joined.join(b);
    joined
}

fn both(a: &Applied, b: &Applied) -> Applied {
    let mut joined = a.clone();
    joined.join(b);
    joined
}

fn key() -> TokenKey {
    TokenKey::derive(b"secret")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn applied_is_a_lattice(a in any::applied(), b in any::applied(), c in any::applied()) {
        prop_assert_eq!(both(&a, &b), both(&b, &a));
        prop_assert_eq!(both(&a, &both(&b, &c)), both(&both(&a, &b), &c));
        prop_assert_eq!(both(&a, &a), a.clone());
        prop_assert!(both(&a, &b).covers(&a) && both(&a, &b).covers(&b));
        prop_assert_eq!(a.covers(&b), both(&a, &b) == a);
    }

    #[test]
    fn progress_is_a_lattice(a in any::progress(), b in any::progress(), c in any::progress()) {
        prop_assert_eq!(joined(&a, &b), joined(&b, &a));
        prop_assert_eq!(joined(&a, &joined(&b, &c)), joined(&joined(&a, &b), &c));
        prop_assert_eq!(joined(&a, &a), a.clone());
        for (log, position) in a.iter() {
            prop_assert!(joined(&a, &b).get(log) >= position);
        }
    }

    #[test]
    fn raising_never_goes_back(mut progress in any::progress(), log in any::log_id(3, 3), position in any::near_position()) {
        let before = progress.get(log);
        let changed = progress.raise(log, position);
        prop_assert_eq!(progress.get(log), before.max(position));
        prop_assert_eq!(changed, position > before);
    }

    #[test]
    fn without_takes_one_component(applied in any::applied(), origin in 0..5u16) {
        let without = applied.without(RegionId(origin));
        prop_assert_eq!(without.get(RegionId(origin)), Position::ZERO);
        prop_assert!((0..5).filter(|o| *o != origin).all(|o| without.get(RegionId(o)) == applied.get(RegionId(o))));
    }

    #[test]
    fn a_token_never_loses(raised in vec((any::log_id(8, 64), any::position()), 0..120), more in vec((any::log_id(8, 64), any::near_position()), 0..60)) {
        let (mut token, mut other) = (Token::default(), Token::default());
        raised.iter().for_each(|(log, position)| token.raise(*log, *position));
        more.iter().for_each(|(log, position)| other.raise(*log, *position));
        token.join(&other);
        let read = Token::decode(&token.encode(&key()), &key()).unwrap();
        for (log, position) in raised.iter().chain(&more) {
            prop_assert!(token.needs(*log) >= *position, "in memory");
            prop_assert!(read.needs(*log) >= *position, "encoded");
        }
    }

    #[test]
    fn a_token_is_short(regions in 3..=8u16, raised in vec((any::log_id(8, 64), any::position()), 0..200)) {
        let mut token = Token::default();
        for (mut log, position) in raised {
            log.origin.0 %= regions;
            token.raise(log, position);
            let encoded = token.encode(&key());
            prop_assert!(encoded.len() <= Token::BYTES_MAX, "{} bytes", encoded.len());
        }
    }

    #[test]
    fn a_token_that_fits_reads_as_it_was(raised in vec((any::log_id(8, 64), any::near_position()), 0..60)) {
        let mut token = Token::default();
        raised.iter().for_each(|(log, position)| token.raise(*log, *position));
        prop_assert_eq!(Token::decode(&token.encode(&key()), &key()), Ok(token));
    }

    #[test]
    fn a_damaged_token_is_detected(raised in vec((any::log_id(3, 8), any::position()), 0..20), at in any::<prop::sample::Index>(), new in any::<u8>()) {
        let mut token = Token::default();
        raised.iter().for_each(|(log, position)| token.raise(*log, *position));
        let mut bytes = token.encode(&key()).into_bytes();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != new);
        bytes[at] = new;
        prop_assert!(Token::decode(&String::from_utf8_lossy(&bytes), &key()).is_err());
    }

    #[test]
    fn any_text_is_no_token(text in "\\PC{0,200}") {
        prop_assert!(Token::decode(&text, &key()).is_err());
    }
}

#[test]
fn a_token_of_real_positions_stays_exact() {
    let mut token = Token::default();
    for n in 0..32u16 {
        let mut commit = [0; 10];
        commit[..8].copy_from_slice(&(17_000_000_000_000 + u64::from(n) * 977).to_be_bytes());
        let log = LogId { origin: RegionId(n % 3), shard: ShardId(n * 2) };
        token.raise(log, Position::new(1_790_000_000_000 + u64::from(n % 3), commit, n));
    }
    let encoded = token.encode(&key());
    assert_eq!(Token::decode(&encoded, &key()), Ok(token));
    assert!(encoded.len() < 600, "{} bytes", encoded.len());
}

#[test]
fn a_foreign_token_is_told_from_garbage() {
    let token = Token::at(LogId { origin: RegionId(1), shard: ShardId(2) }, Position::seal(3, 4));
    assert_eq!(Token::decode(&token.encode(&TokenKey::derive(b"other")), &key()), Err(TokenError::Foreign));
    for garbage in ["", "x", "AAAA", "not base64!", &"A".repeat(5000)] {
        assert_eq!(Token::decode(garbage, &key()), Err(TokenError::Garbage), "{garbage:.20}");
    }
}

#[test]
fn what_is_missing_is_named() {
    let (a, b, shard) = (RegionId(0), RegionId(1), ShardId(5));
    let mut token = Token::at(LogId { origin: a, shard }, Position::seal(1, 10));
    token.raise(LogId { origin: b, shard }, Position::seal(1, 20));
    let mut progress = Progress::default();
    progress.raise(LogId { origin: b, shard }, Position::seal(1, 20));
    assert_eq!(token.missing(shard, [a, b].into_iter(), &progress).collect::<Vec<_>>(), [LogId { origin: a, shard }]);
}
