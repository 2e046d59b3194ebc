//! Relay, resolver, reactor: this region's log to the others, theirs to this one.
