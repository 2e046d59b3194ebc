//! A typed client: retries that keep the key, failover, tokens.
