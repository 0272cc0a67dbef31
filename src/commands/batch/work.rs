//! [`Batch`]: a run that has begun.

use std::sync::atomic::Ordering;

use super::args::BatchArgs;
use super::report::{Finished, print_failed_inputs, print_summary};
use crate::commands::{CliError, Exit};
use crate::pipeline::{Cancel, Engine, EngineOptions, OutputSpec, PartSink, Sink, Stage};
use crate::report::Progress;
use crate::run::Run;
use crate::storage::{ObjectMeta, Storage};

/// A run whose folders this process holds.
pub struct Batch {
    pub(super) command: &'static str,
    pub(super) args: BatchArgs,
    pub(super) storage: Storage,
    pub(super) objects: Vec<ObjectMeta>,
    pub(super) run: Run,
    pub(super) cancel: Cancel,
    pub(super) progress: Progress,
}

impl Batch {
    /// When the run started, milliseconds since 1970; of a resumed run, when it started the first time.
    pub fn started(&self) -> i64 {
        self.run.started()
    }

    /// The run.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// All storage.
    pub fn storage(&self) -> &Storage {
        &self.storage
    }

    /// All inputs, in order.
    pub fn objects(&self) -> &[ObjectMeta] {
        &self.objects
    }

    /// The wish to stop.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// How the engine will run.
    pub fn engine_options(&self) -> EngineOptions {
        self.args.engine_options()
    }

    /// The usual sink, written as the options say. `folder` in the specifications counts [`super::BatchPlan::outputs`].
    pub fn part_sink(&self, specs: Vec<OutputSpec>) -> PartSink {
        PartSink::new(&self.run, specs, self.args.encoding(), self.engine_options().threads)
    }

    /// Puts the stage to work, ends the run, prints the summary.
    pub fn execute<S, K>(self, stage: &S, sink: &K) -> Result<Exit, CliError>
    where
        K: Sink,
        S: Stage<Buffers = K::Buffers>,
    {
        let folders: Vec<String> = self.run.folders().iter().map(ToString::to_string).collect();
        let engine = Engine {
            stage,
            sink,
            storage: &self.storage,
            objects: &self.objects,
            options: self.args.engine_options(),
            cancel: &self.cancel,
            meter: self.progress.meter(),
        };
        let outcome = engine.execute(self.run);
        let seconds = self.progress.seconds();
        let records_read = self.progress.meter().records.load(Ordering::Relaxed);
        // The bar goes before anything else is said.
        drop(self.progress);
        let outcome = outcome?;
        let partial = !outcome.manifest.failed_inputs.is_empty();
        print_failed_inputs(&outcome.manifest);
        print_summary(&Finished { command: self.command, outcome, folders, seconds, records_read }, self.args.summary)?;
        Ok(if partial { Exit::Partial } else { Exit::Done })
    }
}
