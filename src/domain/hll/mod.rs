//! The distinct-count sketch.
