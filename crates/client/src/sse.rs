//! Server-sent events (<https://html.spec.whatwg.org/multipage/server-sent-events.html>), as far as a change feed uses them.

use bytes::BytesMut;

/// An event without an end that is longer than this is not the service's.
const EVENT_BYTES_MAX: usize = 1 << 20;

#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Event {
    /// The last that was named.
    pub id: Option<String>,
    pub name: String,
    pub data: String,
}

#[derive(Default)]
pub(crate) struct Parser {
    buffer: BytesMut,
    id: Option<String>,
    placed: Option<String>,
    name: String,
    data: String,
}

impl Parser {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The last `id` whose block has ended, also one without data.
    pub fn place(self) -> Option<String> {
        self.placed
    }

    pub fn overflows(&self) -> bool {
        self.buffer.len() + self.data.len() > EVENT_BYTES_MAX
    }

    /// The next whole event. An event without data is none.
    pub fn next(&mut self) -> Option<Event> {
        while let Some(end) = self.buffer.iter().position(|b| *b == b'\n') {
            let line = self.buffer.split_to(end + 1);
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if !line.is_empty() {
                self.field(line);
                continue;
            }
            self.placed.clone_from(&self.id);
            let (name, data) = (std::mem::take(&mut self.name), std::mem::take(&mut self.data));
            if !data.is_empty() {
                return Some(Event { id: self.id.clone(), name, data });
            }
        }
        None
    }

    fn field(&mut self, line: &str) {
        let (name, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match name {
            "id" => self.id = Some(value.to_owned()),
            "event" => value.clone_into(&mut self.name),
            "data" if self.data.is_empty() => value.clone_into(&mut self.data),
            "data" => {
                self.data.push('\n');
                self.data.push_str(value);
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(chunks: &[&str]) -> Vec<Event> {
        let mut parser = Parser::default();
        let mut events = Vec::new();
        for chunk in chunks {
            parser.feed(chunk.as_bytes());
            events.extend(std::iter::from_fn(|| parser.next()));
        }
        events
    }

    #[test]
    fn a_keep_alive_moves_the_place_without_an_event() {
        let mut parser = Parser::default();
        parser.feed(b"id: 1\ndata: a\n\n: still here\nid: 2\n\nid: 3\n");
        assert_eq!(parser.next().map(|event| event.data).as_deref(), Some("a"));
        assert_eq!(parser.next(), None);
        assert_eq!(parser.place().as_deref(), Some("2"));
    }

    #[test]
    fn events_are_read_wherever_the_bytes_are_cut() {
        let text = ": hello\n\nid: 1\nevent: cart\ndata: {\"id\":\"c\"}\n\nevent:cart\r\ndata:a\r\ndata: b\r\n\r\n";
        let whole = events(&[text]);
        let cart = |data: &str| Event { id: Some("1".to_owned()), name: "cart".to_owned(), data: data.to_owned() };
        assert_eq!(whole, [cart("{\"id\":\"c\"}"), cart("a\nb")]);
        for at in 1..text.len() {
            let (a, b) = text.split_at(at);
            assert_eq!(events(&[a, b]), whole, "cut at {at}");
        }
    }
}
