//! A thin typed client.
//!
//! A command keeps its idempotency key over every retry and every region it is tried in, so that it has one effect. What a
//! client has seen is in its tokens, which it sends with each request: it reads its own writes, in whichever region answers.
//! Nothing is kept on disk, and every socket, clock and random number is the [`Env`](sterna_env::Env)'s.
//!
//! ```no_run
//! # async fn order(env: sterna_env::Env, saved: Option<String>) -> Result<(), sterna_client::Error> {
//! use futures::StreamExt;
//! use sterna_client::{Change, Changes, Client, Options};
//!
//! #[derive(serde::Deserialize)]
//! struct Cart {
//!     items: std::collections::BTreeMap<String, i64>,
//! }
//!
//! // Nearest first; the others are tried where it does not answer.
//! let client = Client::new(env, Options::new(["http://10.1.0.5:7101", "http://10.2.0.5:7102"]))?;
//! let accepted = client.command("cart", "c-1", "add_item", serde_json::json!({ "sku": "tea", "quantity": 2 })).send().await?;
//! if let Some(document) = client.get("cart", &accepted.id).await? {
//!     let cart: Cart = document.state()?;
//!     println!("{:?}", cart.items);
//! }
//! let mut changes = std::pin::pin!(client.changes(Changes { after: saved, ..Changes::default() }));
//! while let Some(change) = changes.next().await {
//!     match change? {
//!         Change::Changed { cursor, kind, data } => println!("{kind}/{} changed; go on after {cursor}", data.id),
//!         Change::Reset { .. } => println!("read anew what you keep"),
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! Only `http://` is spoken; TLS ends at a proxy beside the client or the region.

mod answer;
mod bulk;
mod changes;
mod client;
mod command;
mod connection;
mod error;
mod options;
mod read;
mod sse;
mod tokens;
mod url;

pub use answer::{Accepted, Document, Page};
pub use bulk::{Answer, Bulk, BulkLine, Done};
pub use changes::{Change, ChangeData, Changes};
pub use client::Client;
pub use command::CommandCall;
pub use error::{ArgumentError, Error, Problem};
pub use options::Options;
