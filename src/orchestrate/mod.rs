//! The pipeline around the commands: configuration → plan, and what is known of each run.
//!
//! * [`document`] reads YAML and TOML into one tree that knows its lines; [`erb`] knows the look-ups of old configurations.
//! * [`emr`] reads EmrEtlRunner's `config.yml`, [`native`] our own TOML; both give a [`Pipeline`].
//! * [`steps`] has the names and rules of EmrEtlRunner's steps; [`plan()`] turns a pipeline and a run id into commands.
//! * [`state`] keeps what has become of each run, so that the same command goes on where the last one stopped.
//!
//! Everything but [`state`] is a pure function of texts. Facts: snowplow/emr-etl-runner 1.0.4 `lib/snowplow-emr-etl-runner/`
//! `{cli,contracts,emr_job,runner}.rb`.

pub mod document;
pub mod emr;
pub mod erb;
pub mod fields;
pub mod native;
pub mod pipeline;
pub mod plan;
pub mod quote;
pub mod reconcile;
pub mod state;
pub mod steps;
pub mod survey;
pub mod targets;

pub use fields::{Problem, Unused};
pub use pipeline::Pipeline;
pub use plan::{PlanRequest, PlannedStep, plan};
pub use steps::{Selection, SelectionError, Step};
pub use targets::TargetRef;
