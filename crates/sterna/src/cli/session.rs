//! What somebody has seen, between two command lines.

use crate::home::Session;
use sterna_client::{Client, Error};

/// Does `work` as the session, and keeps what it has seen. A token of a cluster that is gone is forgotten.
pub async fn with_session<T>(client: &Client, session: &Session, work: impl AsyncFn(&Client) -> Result<T, Error>) -> Result<T, Error> {
    let kept = |client: &Client| session.keep(client.token().as_deref()).map_err(|error| Error::Configuration(format!("{error:#}")));
    if let Some(token) = session.token() {
        client.adopt_token(&token);
    }
    let answer = match work(client).await {
        Err(error) if matches!(error.code(), "foreign-token" | "invalid-token") => {
            let client = client.session();
            let answer = work(&client).await?;
            kept(&client)?;
            return Ok(answer);
        }
        answer => answer?,
    };
    kept(client)?;
    Ok(answer)
}
