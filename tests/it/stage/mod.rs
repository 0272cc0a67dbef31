//! `thresh stage` and `thresh archive` through the built binary.

mod archiving;
mod complaints;
mod killed;
mod staging;
