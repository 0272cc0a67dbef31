//! Tests of the line formats, of framing, and of the way from bytes to payloads.

mod framing;
mod logs;
