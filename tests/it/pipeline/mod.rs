//! Whole pipelines, from raw logs to tables, through `scripts/etl-runner`.

mod chaos;
mod commands;
mod complaints;
mod locks;
mod runs;
mod world;
