//! What a kill can't show.
