//! Query strings.

use crate::{Code, Problem};
use axum::extract::FromRequestParts;
use http::request::Parts;

/// Names and values in their order, decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Query {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let query = axum::extract::Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        query.map(|query| Self(query.0)).map_err(|rejection| Problem::new(Code::InvalidQuery, rejection.body_text()))
    }
}

impl Query {
    /// Removes a parameter that may be there once.
    pub fn take(&mut self, name: &str) -> Result<Option<String>, Problem> {
        let Some(at) = self.0.iter().position(|(n, _)| n == name) else { return Ok(None) };
        let (_, value) = self.0.remove(at);
        match self.0.iter().any(|(n, _)| n == name) {
            true => Err(Problem::new(Code::InvalidQuery, format!("`{name}` must be there once"))),
            false => Ok(Some(value)),
        }
    }

    /// `limit`, from 1 to what the list allows, which the list checks.
    pub fn limit(&mut self) -> Result<Option<usize>, Problem> {
        let invalid = |_| Problem::new(Code::InvalidLimit, "`limit` must be a number from 1 to 1000");
        self.take("limit")?.map(|text| text.parse().map_err(invalid)).transpose()
    }

    /// What is left.
    pub fn rest(self) -> Vec<(String, String)> {
        self.0
    }

    /// Nothing may be left: a misspelt filter must not silently select everything.
    pub fn end(self) -> Result<(), Problem> {
        match self.0.first() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::new(Code::InvalidQuery, format!("there is no parameter `{name}` here"))),
        }
    }
}
