//! `Prefer` (RFC 7240).

use crate::headers::PREFER;
use http::HeaderMap;
use std::time::Duration;

#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) struct Prefer {
    /// `return=representation`.
    pub represent: bool,
    /// `wait=SECONDS`; a fraction is understood.
    pub wait: Option<Duration>,
}

impl Prefer {
    /// Preferences that are unknown or can't be read are passed over, as the RFC asks; the first of a name counts.
    pub fn read(headers: &HeaderMap) -> Self {
        let mut prefer = Self::default();
        let values = headers.get_all(PREFER).iter().filter_map(|value| value.to_str().ok());
        for preference in values.flat_map(|value| value.split(',')) {
            let token = preference.split(';').next().unwrap_or_default();
            let (name, value) = token.split_once('=').unwrap_or((token, ""));
            let value = value.trim().trim_matches('"');
            match name.trim().to_ascii_lowercase().as_str() {
                "return" => prefer.represent |= value.eq_ignore_ascii_case("representation"),
                "wait" if prefer.wait.is_none() => prefer.wait = seconds(value),
                _ => {}
            }
        }
        prefer
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let seconds: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Prefer {
        let mut headers = HeaderMap::new();
        values.iter().for_each(|value| {
            headers.append(PREFER, value.parse().expect("a header's value"));
        });
        Prefer::read(&headers)
    }

    #[test]
    fn preferences_are_read_however_they_are_written() {
        let both = Prefer { represent: true, wait: Some(Duration::from_secs(5)) };
        assert_eq!(read(&["return=representation, wait=5"]), both);
        assert_eq!(read(&["Return=\"representation\"; x=y", "respond-async, WAIT = 5"]), both);
        assert_eq!(read(&["wait=0.25, wait=9"]).wait, Some(Duration::from_millis(250)));
        assert_eq!(read(&["return=minimal"]), Prefer::default());
    }

    #[test]
    fn nonsense_is_passed_over() {
        for text in ["", ",,", "wait", "wait=", "wait=-1", "wait=NaN", "wait=1e300", "wait=inf", "return", ";"] {
            assert_eq!(read(&[text]), Prefer::default(), "{text:?}");
        }
    }
}
