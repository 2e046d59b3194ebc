//! Without libfdb_c the process runs, and the engine says what it needs. In a process of its own: the library is loaded once.
#![allow(clippy::unwrap_used, reason = "a test")]

use sterna_env::Env;
use sterna_store_foundationdb::{FoundationDb, Kind, Metrics, Options, Part};

#[tokio::test]
async fn a_missing_library_is_named_with_what_to_install() {
    let options = Options {
        env: Env::real(),
        cluster_file: "/nowhere/fdb.cluster".into(),
        library: Some("/nowhere/libfdb_c.so".into()),
        name: "eu".to_owned(),
        kind: Kind::Write,
        part: Part::whole(1),
        metrics: Metrics::new(Kind::Write, None).unwrap(),
    };
    let error = FoundationDb::open(options).await.err().unwrap().to_string();
    assert!(error.contains("needs FoundationDB's client library /nowhere/libfdb_c.so"), "{error}");
    assert!(error.contains("install foundationdb-clients 7.3"), "{error}");
}
