//! Documents, lists and status.

use crate::answer::{Document, Page, document, json};
use crate::client::Call;
use crate::url::{path, query};
use crate::{Client, Error};
use bytes::Bytes;
use http::{HeaderMap, Method, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

impl Client {
    /// `None` if there is no such aggregate, or none any more.
    pub async fn get(&self, kind: &str, id: &str) -> Result<Option<Document>, Error> {
        match self.fetch(path(["v1", kind, id])).await {
            Ok(response) => document(&response).map(Some),
            Err(error) if matches!(error.code(), "not-found" | "deleted") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `params` are filters, `limit` and `after`.
    pub async fn view<T: DeserializeOwned>(&self, name: &str, params: &[(&str, &str)]) -> Result<Page<T>, Error> {
        self.page(path(["v1", "views", name]), params).await
    }

    pub async fn history(&self, kind: &str, id: &str, params: &[(&str, &str)]) -> Result<Page<Value>, Error> {
        self.page(path(["v1", kind, id, "events"]), params).await
    }

    pub async fn conflicts(&self, params: &[(&str, &str)]) -> Result<Page<Value>, Error> {
        self.page(path(["v1", "conflicts"]), params).await
    }

    pub async fn status(&self) -> Result<Value, Error> {
        json(self.fetch(path(["v1", "status"])).await?.body())
    }

    /// Any path of the service, as it is answered.
    pub async fn fetch(&self, path: String) -> Result<Response<Bytes>, Error> {
        self.call(Call { method: Method::GET, path, headers: HeaderMap::new(), body: Bytes::new() }).await
    }

    /// An operator's request, such as `/admin/views/board/rebuild`: it must be safe to repeat.
    pub async fn post(&self, path: &str) -> Result<Response<Bytes>, Error> {
        self.call(Call { method: Method::POST, path: path.to_owned(), headers: HeaderMap::new(), body: Bytes::new() }).await
    }

    /// Begins to build a view anew, beside the generation that answers. Gives the new one's number.
    pub async fn rebuild(&self, view: &str) -> Result<u32, Error> {
        #[derive(Deserialize)]
        struct Begun {
            generation: u32,
        }
        let begun: Begun = json(self.post(&(path(["admin", "views", view]) + "/rebuild")).await?.body())?;
        Ok(begun.generation)
    }

    async fn page<T: DeserializeOwned>(&self, path: String, params: &[(&str, &str)]) -> Result<Page<T>, Error> {
        json(self.fetch(path + &query(params.iter().copied())).await?.body())
    }
}
