//! Base urls and what is put behind them.

use crate::Error;
use std::fmt::Write;

/// `http://host:port/prefix`, split.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Base {
    /// `host:port`, to connect to.
    pub address: String,
    /// As given, for the `Host` header.
    pub authority: String,
    /// Empty, or with a slash in front and none behind.
    pub prefix: String,
}

impl Base {
    pub fn parse(url: &str) -> Result<Self, Error> {
        let wrong = |why: &str| Error::Configuration(format!("`{url}` {why}"));
        if url.starts_with("https://") {
            return Err(wrong("asks for TLS, which this client does not speak yet; put a proxy that does beside it and use http://"));
        }
        let rest = url.strip_prefix("http://").ok_or_else(|| wrong("is no url; write it like http://127.0.0.1:7101"))?;
        let (authority, prefix) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
        let parsed: http::uri::Authority = authority.parse().map_err(|_| wrong("has no host that can be read"))?;
        if parsed.host().is_empty() || authority.contains('@') || prefix.contains(['?', '#']) {
            return Err(wrong("must name a host, and neither a user, a query nor a fragment"));
        }
        let address = format!("{}:{}", parsed.host(), parsed.port_u16().unwrap_or(80));
        Ok(Self { address, authority: authority.to_owned(), prefix: prefix.trim_end_matches('/').to_owned() })
    }
}

/// Percent-encodes everything that has a meaning in a path or a query.
pub(crate) fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'~' | b'@' | b':' | b'-' | b',' => out.push(byte as char),
            byte => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

/// `/a/b/c`.
pub(crate) fn path<'a>(segments: impl IntoIterator<Item = &'a str>) -> String {
    segments.into_iter().fold(String::new(), |mut out, segment| {
        out.push('/');
        encode(segment, &mut out);
        out
    })
}

/// `?a=1&b=2`; empty without parameters.
pub(crate) fn query<'a>(params: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    params.into_iter().fold(String::new(), |mut out, (name, value)| {
        out.push(if out.is_empty() { '?' } else { '&' });
        encode(name, &mut out);
        out.push('=');
        encode(value, &mut out);
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_has_an_address_and_perhaps_a_prefix() {
        let base = Base::parse("http://10.0.0.1:7101/shop/").expect("valid");
        assert_eq!((base.address.as_str(), base.authority.as_str(), base.prefix.as_str()), ("10.0.0.1:7101", "10.0.0.1:7101", "/shop"));
        assert_eq!(Base::parse("http://edge").expect("valid").address, "edge:80");
        assert_eq!(Base::parse("http://[::1]:7101").expect("valid").address, "[::1]:7101");
    }

    #[test]
    fn tls_and_nonsense_are_refused_with_a_way_out() {
        let said = |url: &str| Base::parse(url).map_err(|error| error.to_string()).expect_err("refused");
        assert!(said("https://edge").contains("proxy"));
        assert!(said("edge:7101").contains("http://"));
        for url in ["http://", "http://a b", "http://u@h", "http://h/?q", "http://h/#f"] {
            said(url);
        }
    }

    #[test]
    fn what_has_a_meaning_is_encoded() {
        assert_eq!(path(["v1", "cart", "a/b?c"]), "/v1/cart/a%2Fb%3Fc");
        assert_eq!(query([("day[gte]", "2013-01-01"), ("x", "1+ü")]), "?day%5Bgte%5D=2013-01-01&x=1%2B%C3%BC");
    }
}
