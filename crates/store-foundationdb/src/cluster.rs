//! Cluster files: read before the client does, so that a mistake is told at once.

use crate::OpenError;
use crate::limits::CLUSTER_FILE_BYTES_MAX;
use std::fs;
use std::path::Path;

/// The coordinators that the file names.
pub(crate) fn coordinators(path: &Path) -> Result<String, OpenError> {
    let unreadable = |why: String| OpenError::ClusterFile { path: path.to_owned(), why };
    let length = fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
    if !length.is_file() || length.len() > CLUSTER_FILE_BYTES_MAX {
        return Err(unreadable("it is no small file".to_owned()));
    }
    let text = fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
    parse(&text).map_err(|why| OpenError::Malformed { path: path.to_owned(), why: why.to_owned() })
}

fn parse(text: &str) -> Result<String, &'static str> {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    let line = lines.next().ok_or("it is empty")?;
    if lines.next().is_some() {
        return Err("it has more than one line");
    }
    let (name, coordinators) = line.split_once('@').ok_or("there is no @")?;
    let (description, id) = name.split_once(':').ok_or("there is no : before the @")?;
    let word = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if !word(description) || !word(id) {
        return Err("description and id are made of letters, digits and _");
    }
    let port = |address: &str| {
        let port = address.trim_end_matches("(fromHostname)").trim_end_matches(":tls").rsplit_once(':');
        port.is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
    };
    match coordinators.split(',').all(port) {
        true => Ok(coordinators.to_owned()),
        false => Err("a coordinator is not host:port"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_files_name_their_coordinators() {
        assert_eq!(parse("# made by hand\nd:i@10.0.0.1:4500,10.0.0.2:4500:tls\n"), Ok("10.0.0.1:4500,10.0.0.2:4500:tls".to_owned()));
        assert_eq!(parse("d:i@[::1]:4500").as_deref(), Ok("[::1]:4500"));
    }

    #[test]
    fn mistakes_are_named() {
        for (text, why) in [
            ("", "it is empty"),
            ("d:i@h:1\nd:i@h:2", "it has more than one line"),
            ("d:i", "there is no @"),
            ("d@h:1", "there is no : before the @"),
            ("d-1:i@h:1", "description and id are made of letters, digits and _"),
            ("d:i@h", "a coordinator is not host:port"),
        ] {
            assert_eq!(parse(text), Err(why), "{text:?}");
        }
    }
}
