//! The embedded store engine, on fjall.
