//! Routers, problem documents, OpenAPI.
