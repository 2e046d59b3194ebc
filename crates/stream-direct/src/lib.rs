//! Region-to-region streams over HTTP/2.
