//! From errors to problem documents: one exhaustive match for each service.

use super::{Code, Problem};
use crate::UnknownPeer;
use http::header;
use serde_json::{Map, Value, json};
use sterna_log::TokenError;
use sterna_read::{CursorError, ReadRefused};
use sterna_replicate::{DeclareRefused, MoveRefused};
use sterna_write::{LedgerError, Refused};

impl From<Refused> for Problem {
    fn from(refused: Refused) -> Self {
        let problem = |code| Self::new(code, refused.to_string());
        match &refused {
            Refused::UnknownType { .. } => problem(Code::UnknownType),
            Refused::UnknownCommand { .. } => problem(Code::UnknownCommand),
            Refused::InvalidId => problem(Code::InvalidId),
            Refused::InvalidKey => problem(Code::InvalidKey),
            Refused::InvalidArguments(errors) => {
                let errors: Vec<_> = errors.iter().map(|e| json!({ "pointer": e.pointer, "detail": e.detail })).collect();
                problem(Code::InvalidArguments).with("errors", errors)
            }
            Refused::ArgumentsTooLarge { .. } => problem(Code::ArgumentsTooLarge),
            Refused::KeyReused => problem(Code::KeyReused),
            Refused::VersionMismatch { current } => {
                let problem = problem(Code::VersionMismatch);
                current.map_or(problem.clone(), |current| problem.header(header::ETAG, current.to_string()))
            }
            Refused::PreconditionRequired { field, current } => {
                problem(Code::PreconditionRequired).with("field", &**field).header(header::ETAG, current.to_string())
            }
            Refused::AlreadyExists => problem(Code::AlreadyExists),
            Refused::NotFound => problem(Code::NotFound),
            Refused::Deleted => problem(Code::Deleted),
            Refused::Guard { code, .. } => problem(Code::GuardRefused).with("guard", &**code),
            Refused::Evaluation { .. } => problem(Code::EvaluationFailed),
            Refused::BoundReached { lack, available } => {
                let available: Map<_, _> = available.iter().map(|(region, n)| (region.to_string(), Value::from(*n))).collect();
                problem(Code::BoundReached).with("field", &*lack.field).with("needed", lack.needed).with("available", available)
            }
            Refused::RightsUnknown { field, missing } => {
                problem(Code::RightsUnknown).with("field", &**field).with("missing", names(missing))
            }
            Refused::HomeAway { home, .. } => problem(Code::HomeAway).with("home", &**home),
            Refused::AggregateTooLarge { bytes, bytes_max } => {
                problem(Code::AggregateTooLarge).with("bytes", *bytes).with("bytes_max", *bytes_max)
            }
            Refused::Parked { .. } => problem(Code::Parked),
            Refused::VoidCause => problem(Code::VoidCause),
            Refused::BehindToken { missing } => problem(Code::BehindToken).with("missing", names(missing)),
            Refused::Overloaded => problem(Code::Overloaded),
            Refused::NotAccepting { .. } => problem(Code::NotAccepting),
            Refused::Full => problem(Code::DiskFull),
            Refused::Unavailable(_) => problem(Code::Unavailable),
        }
    }
}

impl From<ReadRefused> for Problem {
    fn from(refused: ReadRefused) -> Self {
        let problem = |code| Self::new(code, refused.to_string());
        match &refused {
            ReadRefused::UnknownType { .. } => problem(Code::UnknownType),
            ReadRefused::InvalidId => problem(Code::InvalidId),
            ReadRefused::NotFound => problem(Code::NotFound),
            ReadRefused::Deleted => problem(Code::Deleted),
            ReadRefused::UnknownView { .. } => problem(Code::UnknownView),
            ReadRefused::UnknownColumn { .. } => problem(Code::UnknownColumn),
            ReadRefused::InvalidFilter { .. } => problem(Code::InvalidFilter),
            ReadRefused::NotIndexed { paths, wanted, .. } => {
                let indexes: Vec<_> = paths.iter().map(|path| names(path)).collect();
                let problem = problem(Code::NotIndexed).with("indexes", indexes);
                wanted.as_ref().map_or(problem.clone(), |wanted| problem.with("wanted", names(wanted)))
            }
            ReadRefused::InvalidLimit { .. } => problem(Code::InvalidLimit),
            ReadRefused::InvalidCursor => problem(Code::InvalidCursor),
            ReadRefused::BehindToken { missing } => problem(Code::BehindToken).with("missing", names(missing)),
            ReadRefused::Building { .. } => problem(Code::ViewBuilding),
            ReadRefused::Unavailable(_) => problem(Code::Unavailable),
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match &error {
            LedgerError::Cursor => Self::new(Code::InvalidCursor, error.to_string()),
            LedgerError::Read(_) => Self::new(Code::Unavailable, error.to_string()),
        }
    }
}

impl From<TokenError> for Problem {
    fn from(error: TokenError) -> Self {
        match error {
            TokenError::Garbage => Self::new(Code::InvalidToken, error.to_string()),
            TokenError::Foreign => Self::new(Code::ForeignToken, error.to_string()),
        }
    }
}

impl From<CursorError> for Problem {
    fn from(error: CursorError) -> Self {
        Self::new(Code::InvalidCursor, error.to_string())
    }
}

impl From<DeclareRefused> for Problem {
    fn from(refused: DeclareRefused) -> Self {
        let code = match &refused {
            DeclareRefused::NoRegion { .. } | DeclareRefused::Heir(_) | DeclareRefused::Myself(_) => Code::UnknownPeer,
            DeclareRefused::Alive(_) => Code::NotLost,
            DeclareRefused::Absent { .. } => Code::Unavailable,
        };
        Self::new(code, refused.to_string())
    }
}

impl From<MoveRefused> for Problem {
    fn from(refused: MoveRefused) -> Self {
        let code = match &refused {
            MoveRefused::NoHome(_) => Code::UnknownType,
            MoveRefused::NoRegion { .. } => Code::UnknownPeer,
            MoveRefused::NoShard { .. } => Code::InvalidArguments,
            MoveRefused::NotConnected(_) => Code::HomeAway,
        };
        Self::new(code, refused.to_string())
    }
}

impl From<UnknownPeer> for Problem {
    fn from(error: UnknownPeer) -> Self {
        Self::new(Code::UnknownPeer, error.to_string())
    }
}

fn names(names: &[std::sync::Arc<str>]) -> Vec<Value> {
    names.iter().map(|name| Value::from(&**name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Retry;
    use sterna_crdt::Side;
    use sterna_model::ArgError;
    use sterna_write::Lack;

    fn json(problem: impl Into<Problem>) -> Value {
        serde_json::from_slice(&problem.into().to_json("r")).expect("it is JSON")
    }

    fn bound_reached() -> Refused {
        let lack = Lack { field: "stock".into(), side: Side::Down, needed: 4, available: Vec::new(), pending: 0 };
        Refused::BoundReached { lack, available: vec![("eu".into(), 3), ("us".into(), 0)] }
    }

    /// One of each variant. The match in `From` is exhaustive; this is what it must say.
    #[test]
    fn every_refusal_of_a_command_has_its_code_and_status() {
        let name = || "x".into();
        let cases: Vec<(Refused, u16, &str)> = vec![
            (Refused::UnknownType { kind: name(), suggestion: None }, 404, "unknown-type"),
            (Refused::UnknownCommand { kind: name(), command: name(), suggestion: Some("y".into()) }, 404, "unknown-command"),
            (Refused::InvalidId, 400, "invalid-id"),
            (Refused::InvalidKey, 400, "invalid-key"),
            (Refused::InvalidArguments(vec![ArgError { pointer: "/a".into(), detail: "no".into() }]), 400, "invalid-arguments"),
            (Refused::ArgumentsTooLarge { bytes_max: 1 }, 413, "arguments-too-large"),
            (Refused::KeyReused, 422, "key-reused"),
            (Refused::VersionMismatch { current: None }, 412, "version-mismatch"),
            (Refused::AlreadyExists, 409, "already-exists"),
            (Refused::NotFound, 404, "not-found"),
            (Refused::Deleted, 410, "deleted"),
            (Refused::Guard { code: "too-many".into(), message: "m".into() }, 422, "guard-refused"),
            (Refused::Evaluation { message: "m".into() }, 422, "evaluation-failed"),
            (bound_reached(), 409, "bound-reached"),
            (Refused::RightsUnknown { field: name(), missing: vec!["eu".into()] }, 503, "rights-unknown"),
            (Refused::HomeAway { kind: name(), home: "eu".into(), moved: None, reason: "r".into() }, 503, "home-away"),
            (Refused::AggregateTooLarge { bytes: 2, bytes_max: 1 }, 422, "aggregate-too-large"),
            (Refused::Parked { reason: "r".into() }, 409, "parked"),
            (Refused::VoidCause, 409, "void-cause"),
            (Refused::BehindToken { missing: vec!["eu".into()] }, 503, "behind-token"),
            (Refused::Overloaded, 429, "overloaded"),
            (Refused::NotAccepting { reason: "r".into() }, 503, "not-accepting"),
            (Refused::Full, 503, "disk-full"),
            (Refused::Unavailable("r".into()), 503, "unavailable"),
        ];
        for (refused, status, code) in cases {
            let retry = if refused.retry() == sterna_write::Retry::SameKey { "same-key" } else { "never" };
            let document = json(refused);
            assert_eq!((&document["status"], &document["code"], &document["retry"]), (&json!(status), &json!(code), &json!(retry)));
        }
    }

    #[test]
    fn a_refusal_says_what_helps() {
        let reached = json(bound_reached());
        assert_eq!(
            (&reached["available"], &reached["field"], &reached["needed"]),
            (&json!({ "eu": 3, "us": 0 }), &json!("stock"), &json!(4))
        );
        assert_eq!(json(Refused::Guard { code: "too-many".into(), message: "m".into() })["guard"], "too-many");
        assert_eq!(json(Refused::BehindToken { missing: vec!["eu".into()] })["missing"], json!(["eu"]));
        let errors = vec![ArgError { pointer: "/a".into(), detail: "no".into() }];
        assert_eq!(json(Refused::InvalidArguments(errors))["errors"], json!([{ "pointer": "/a", "detail": "no" }]));
        let etag = sterna_write::ETag::parse("00000000000000ff");
        let problem = Problem::from(Refused::VersionMismatch { current: etag });
        assert_eq!(problem.render("r").headers()[header::ETAG], "\"00000000000000ff\"");
        let problem = Problem::from(Refused::PreconditionRequired { field: "address".into(), current: etag.expect("sixteen digits") });
        assert_eq!((problem.code.status().as_u16(), problem.code), (428, Code::PreconditionRequired));
    }

    #[test]
    fn every_refusal_of_a_read_has_its_code_and_status() {
        let name = || "x".into();
        let not_indexed =
            ReadRefused::NotIndexed { view: name(), columns: vec![name()], paths: vec![vec!["a".into()]], wanted: Some(vec!["b".into()]) };
        assert_eq!((&json(not_indexed.clone())["indexes"], &json(not_indexed.clone())["wanted"]), (&json!([["a"]]), &json!(["b"])));
        let cases: Vec<(ReadRefused, u16, &str)> = vec![
            (ReadRefused::UnknownType { kind: name(), suggestion: None }, 404, "unknown-type"),
            (ReadRefused::InvalidId, 400, "invalid-id"),
            (ReadRefused::NotFound, 404, "not-found"),
            (ReadRefused::Deleted, 410, "deleted"),
            (ReadRefused::UnknownView { view: name(), suggestion: None }, 404, "unknown-view"),
            (ReadRefused::UnknownColumn { view: name(), column: name(), suggestion: None }, 400, "unknown-column"),
            (ReadRefused::InvalidFilter { filter: name(), detail: "d".into() }, 400, "invalid-filter"),
            (not_indexed, 400, "not-indexed"),
            (ReadRefused::InvalidLimit { max: 1 }, 400, "invalid-limit"),
            (ReadRefused::InvalidCursor, 400, "invalid-cursor"),
            (ReadRefused::BehindToken { missing: vec![name()] }, 503, "behind-token"),
            (ReadRefused::Building { view: name() }, 503, "view-building"),
            (ReadRefused::Unavailable("r".into()), 503, "unavailable"),
        ];
        for (refused, status, code) in cases {
            let later = refused.retry() == sterna_read::Retry::Later;
            let problem = Problem::from(refused);
            assert_eq!((problem.code.status().as_u16(), problem.code.as_str()), (status, code));
            assert_eq!(problem.code.retry() == Retry::SameKey, later, "{code}");
        }
    }

    #[test]
    fn tokens_and_cursors_have_theirs() {
        assert_eq!(Problem::from(TokenError::Garbage).code, Code::InvalidToken);
        assert_eq!(Problem::from(TokenError::Foreign).code, Code::ForeignToken);
        assert_eq!(Problem::from(CursorError).code, Code::InvalidCursor);
        assert_eq!(Problem::from(LedgerError::Cursor).code, Code::InvalidCursor);
        assert_eq!(Problem::from(UnknownPeer("x".into())).code, Code::UnknownPeer);
    }
}
