//! `thresh compact` through the built binary.

mod complaints;
mod joining;
mod killed;
mod on_s3;
mod property;
mod runs;
