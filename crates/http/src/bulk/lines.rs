//! Lines out of a body's frames. Lines inside one frame are not copied.

use bytes::{Buf, Bytes, BytesMut};

#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Line {
    /// Without its end.
    Whole(Bytes),
    TooLong,
    /// What stood behind the last line end when the body ended.
    Last(Bytes),
}

pub(super) struct Lines {
    bytes_max: usize,
    /// The beginning of a line whose end has not come.
    carried: BytesMut,
    frame: Bytes,
    /// The line is too long, and its rest is passed over.
    skipping: bool,
}

impl Lines {
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, carried: BytesMut::new(), frame: Bytes::new(), skipping: false }
    }

    /// The next frame; what was fed before must be taken.
    pub fn feed(&mut self, frame: Bytes) {
        debug_assert!(self.frame.is_empty(), "lines are taken before more is fed");
        self.frame = frame;
    }

    /// The next line whose end has come.
    pub fn next(&mut self) -> Option<Line> {
        let Some(end) = self.frame.iter().position(|byte| *byte == b'\n') else {
            self.carry();
            return None;
        };
        let head = self.frame.split_to(end);
        self.frame.advance(1);
        if std::mem::take(&mut self.skipping) || self.carried.len() + head.len() > self.bytes_max {
            self.carried.clear();
            return Some(Line::TooLong);
        }
        if self.carried.is_empty() {
            return Some(Line::Whole(head));
        }
        self.carried.extend_from_slice(&head);
        Some(Line::Whole(self.carried.split().freeze()))
    }

    /// The body has ended.
    pub fn end(mut self) -> Option<Line> {
        match self.skipping {
            true => Some(Line::TooLong),
            false => (!self.carried.is_empty()).then(|| Line::Last(self.carried.split().freeze())),
        }
    }

    fn carry(&mut self) {
        let rest = std::mem::take(&mut self.frame);
        if self.skipping {
            return;
        }
        if self.carried.len() + rest.len() > self.bytes_max {
            self.carried = BytesMut::new();
            self.skipping = true;
        } else {
            self.carried.extend_from_slice(&rest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(frames: &[&[u8]], bytes_max: usize) -> Vec<Line> {
        let mut lines = Lines::new(bytes_max);
        let mut out = Vec::new();
        for frame in frames {
            lines.feed(Bytes::copy_from_slice(frame));
            out.extend(std::iter::from_fn(|| lines.next()));
        }
        out.extend(lines.end());
        out
    }

    fn whole(text: &str) -> Line {
        Line::Whole(Bytes::copy_from_slice(text.as_bytes()))
    }

    #[test]
    fn lines_are_the_same_wherever_frames_are_cut() {
        let text = b"one\n\ntwo two\nthree\nlast";
        let expected = [whole("one"), whole(""), whole("two two"), whole("three"), Line::Last(Bytes::from_static(b"last"))];
        assert_eq!(lines(&[text], 100), expected);
        for a in 0..text.len() {
            for b in a..text.len() {
                assert_eq!(lines(&[&text[..a], &text[a..b], &text[b..]], 100), expected, "cut at {a} and {b}");
            }
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_passed_over_and_the_next_is_read() {
        let text = b"short\n0123456789\nagain\n";
        let expected = [whole("short"), Line::TooLong, whole("again")];
        for at in 0..text.len() {
            assert_eq!(lines(&[&text[..at], &text[at..]], 9), expected, "cut at {at}");
        }
        assert_eq!(lines(&[b"0123456789", b"01234"], 9), [Line::TooLong]);
        assert_eq!(lines(&[b"012345678"], 9), [Line::Last(Bytes::from_static(b"012345678"))]);
    }

    #[test]
    fn a_body_that_ends_with_a_line_end_has_no_last_line() {
        assert_eq!(lines(&[b"a\n"], 9), [whole("a")]);
        assert_eq!(lines(&[], 9), []);
    }
}
