//! `load`: discovery to rows in tables, on every target.

mod command;
mod faults;
mod hostile;
mod layouts;
mod postgres;
mod redshift;
mod same_rows;
mod sqlite;
mod world;
