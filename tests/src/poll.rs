//! Waiting for what must come, with a bound.

use std::io::Write;
use std::time::Duration;
use sterna_env::Env;

/// What must happen happens within this, also on a machine that is busy with other things.
pub const SOON: Duration = Duration::from_secs(45);
const POLL_EVERY: Duration = Duration::from_millis(15);

/// Tries until it succeeds. The last failure is the panic's message.
pub async fn eventually<T>(what: &str, probe: impl AsyncFnMut() -> Result<T, String>) -> T {
    eventually_within(SOON, what, probe).await
}

pub async fn eventually_within<T>(bound: Duration, what: &str, mut probe: impl AsyncFnMut() -> Result<T, String>) -> T {
    let env = Env::real();
    let until = env.now() + bound;
    loop {
        let failure = match probe().await {
            Ok(value) => return value,
            Err(failure) => failure,
        };
        assert!(env.now() < until, "{what}: not within {bound:?}; at last: {failure}");
        env.sleep(POLL_EVERY).await;
    }
}

/// Shown also if the test passes.
pub fn say(text: &str) {
    // What is printed by macros is held back; this is not.
    _ = writeln!(std::io::stderr(), "{text}");
}
