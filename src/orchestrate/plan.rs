//! The plan of a run: its steps as commands. A pure function of the configuration, the choice of steps and the run id.
//!
//! What each step reads and writes: snowplow/emr-etl-runner 1.0.4, `lib/snowplow-emr-etl-runner/emr_job.rb`, with one run id
//! from the first step to the last.

use std::fmt;

use super::pipeline::Pipeline;
use super::quote::quote;
use super::steps::{Selection, Step};
use super::targets::{Purpose, Rows, TargetRef};
use crate::run::RunId;
use crate::storage::Location;

/// What is to be planned.
pub struct PlanRequest<'a> {
    /// The pipeline.
    pub pipeline: &'a Pipeline,
    /// All targets.
    pub targets: &'a [TargetRef],
    /// The resolver configuration, as commands take it.
    pub resolver: Option<&'a str>,
    /// The folder of enrichments, as commands take it.
    pub enrichments: Option<&'a str>,
    /// The run.
    pub run_id: &'a RunId,
    /// Which steps.
    pub selection: &'a Selection,
    /// `--s3-…` options for every command.
    pub storage: &'a [String],
}

/// A value in the environment of a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EnvValue {
    /// The text itself.
    Text(String),
    /// Whatever another variable holds when the step is run.
    Variable(String),
    /// Whatever a file holds when the step is run.
    File(String),
}

/// One step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedStep {
    /// The step.
    pub step: Step,
    /// Its name, unique within the plan.
    pub name: String,
    /// Variables that are set for it.
    pub environment: Vec<(String, EnvValue)>,
    /// The command, program first.
    pub arguments: Vec<String>,
}

impl PlannedStep {
    /// The command as the shell takes it, in one line.
    pub fn command_line(&self) -> String {
        let mut words = Vec::with_capacity(self.arguments.len() + 1);
        for (name, value) in &self.environment {
            words.push(match value {
                EnvValue::Text(text) => format!("{name}={}", quote(text)),
                EnvValue::Variable(variable) => format!("{name}=\"${{{variable}}}\""),
                EnvValue::File(path) => format!("{name}=\"$(cat -- {})\"", quote(path)),
            });
        }
        words.extend(self.arguments.iter().map(|argument| quote(argument)));
        words.join(" ")
    }
}

impl fmt::Display for PlannedStep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\t{}", self.name, self.command_line())
    }
}

/// The steps in order.
pub fn plan(request: &PlanRequest<'_>) -> Vec<PlannedStep> {
    let planner = Planner { request, run: request.run_id.folder_name() };
    let mut steps = Vec::new();
    planner.staging(&mut steps);
    planner.enrich(&mut steps);
    planner.shred(&mut steps);
    planner.reconcile(&mut steps);
    planner.archive_raw(&mut steps);
    planner.load(&mut steps);
    planner.archive_events(&mut steps);
    steps
}

/// When the run began, as its id says: what events get as `etl_tstamp`, whenever the step is done.
pub(super) fn etl_millis(run_id: &RunId) -> Option<i64> {
    let time = jiff::civil::DateTime::strptime("%Y-%m-%d-%H-%M-%S", run_id.as_str()).ok()?;
    Some(time.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_millisecond())
}

struct Planner<'a> {
    request: &'a PlanRequest<'a>,
    run: String,
}

impl Planner<'_> {
    fn pipeline(&self) -> &Pipeline {
        self.request.pipeline
    }

    fn wants(&self, step: Step) -> bool {
        self.request.selection.wants(step, self.pipeline().is_stream())
    }

    /// The run's folder below a location, with a slash at its end.
    fn folder(&self, at: &Location) -> String {
        at.join(&self.run).join("").to_string()
    }

    fn command(&self, words: Vec<String>) -> Command {
        Command { words, environment: Vec::new() }
    }

    /// Ends a command with what all of them share.
    fn finish(&self, mut command: Command, step: Step, name: String) -> PlannedStep {
        let kind = command.words[1].clone();
        command.words.extend(self.request.storage.iter().cloned());
        if let Some(more) = self.pipeline().options.get(&kind) {
            command.words.extend(more.iter().cloned());
        }
        if let Some(region) = &self.pipeline().s3.region {
            command.environment.insert(0, ("AWS_REGION".to_owned(), EnvValue::Text(region.clone())));
        }
        PlannedStep { step, name, environment: command.environment, arguments: command.words }
    }

    fn run_id(&self) -> [String; 2] {
        ["--run-id".to_owned(), self.request.run_id.to_string()]
    }

    fn staging(&self, steps: &mut Vec<PlannedStep>) {
        let pipeline = self.pipeline();
        let (step, inputs, output, select) = match (&pipeline.stream, &pipeline.raw) {
            (Some(stream), _) => {
                (Step::StagingStreamEnrich, vec![stream.to_string()], &pipeline.enriched.good, Some(r".*\.gz"))
            }
            (None, Some(raw)) => {
                let inputs = raw.inputs.iter().map(Location::to_string).collect();
                let tomcat = pipeline.format == "clj-tomcat";
                let select = tomcat.then_some(r".*localhost_access_log.*\.txt.*");
                (Step::Staging, inputs, &raw.processing, select)
            }
            (None, None) => return,
        };
        if !self.wants(step) {
            return;
        }
        let mut command = self.command(words(&["thresh", "stage"]));
        command.words.extend(inputs);
        command.words.extend(["--output".to_owned(), output.to_string()]);
        command.words.extend(self.run_id());
        command.words.push("--resume".to_owned());
        if let Some(select) = select {
            command.words.extend(words(&["--select", select]));
        }
        if let Some(most) = &pipeline.max_bytes {
            command.words.extend(["--max-bytes".to_owned(), most.clone()]);
        }
        steps.push(self.finish(command, step, step.name().to_owned()));
    }

    /// Where enriching reads: the run's folder, or everything there is if staging was left out by name.
    fn raw_input(&self) -> Option<String> {
        let raw = self.pipeline().raw.as_ref()?;
        let whole = self.request.selection.skips("staging");
        Some(if whole { raw.processing.join("").to_string() } else { self.folder(&raw.processing) })
    }

    fn enrich(&self, steps: &mut Vec<PlannedStep>) {
        let pipeline = self.pipeline();
        let Some(input) = self.raw_input().filter(|_| self.wants(Step::Enrich)) else { return };
        let mut command = self.command(words(&["thresh", "enrich"]));
        command.words.push(input);
        command.words.extend(["--output".to_owned(), pipeline.enriched.good.to_string()]);
        if let Some(bad) = &pipeline.enriched.bad {
            command.words.extend(["--bad".to_owned(), bad.to_string()]);
        }
        self.resumable(&mut command);
        command.words.extend(["--format".to_owned(), pipeline.format.clone()]);
        if let Some(millis) = etl_millis(self.request.run_id) {
            command.words.extend(["--etl-tstamp".to_owned(), millis.to_string()]);
        }
        self.compression(&mut command);
        self.resolver(&mut command);
        if let Some(folder) = self.request.enrichments {
            command.words.extend(words(&["--enrichments", folder]));
        }
        steps.push(self.finish(command, Step::Enrich, Step::Enrich.name().to_owned()));
    }

    /// A step that failed because of its configuration is done with the corrected one: what it reads is still there.
    fn resumable(&self, command: &mut Command) {
        command.words.extend(self.run_id());
        command.words.extend(words(&["--resume", "--redo-changed"]));
    }

    fn compression(&self, command: &mut Command) {
        let codec = if self.pipeline().gzip { "gzip" } else { "none" };
        command.words.extend(words(&["--compression", codec]));
    }

    fn resolver(&self, command: &mut Command) {
        if let Some(file) = self.request.resolver {
            command.words.extend(words(&["--resolver", file]));
        }
    }

    fn shred(&self, steps: &mut Vec<PlannedStep>) {
        if !self.wants(Step::Shred) {
            return;
        }
        let pipeline = self.pipeline();
        let mut command = self.command(words(&["thresh", "shred"]));
        command.words.push(self.folder(&pipeline.enriched.good));
        command.words.extend(["--output".to_owned(), pipeline.shredded.good.to_string()]);
        if let Some(bad) = &pipeline.shredded.bad {
            command.words.extend(["--bad".to_owned(), bad.to_string()]);
        }
        self.resumable(&mut command);
        self.compression(&mut command);
        // A run without any row is a run too, and loaders know it by this message.
        command.words.extend(words(&["--completion-message", "always"]));
        match self.request.targets.iter().find(|target| target.redshift).map(|target| &target.rows) {
            Some(Rows::Json) => command.words.extend(words(&["--shred-format", "json"])),
            Some(Rows::TsvBut(schemas)) => command.words.extend(["--json-schemas".to_owned(), schemas.join(",")]),
            Some(Rows::Tsv) | None => {}
        }
        let tracking = self.request.targets.iter().find(|target| target.purpose == Purpose::DuplicateTracking);
        if let Some(tracking) = tracking {
            command.words.extend(["--cross-batch".to_owned(), tracking.target.clone()]);
        }
        self.resolver(&mut command);
        steps.push(self.finish(command, Step::Shred, Step::Shred.name().to_owned()));
    }

    fn reconcile(&self, steps: &mut Vec<PlannedStep>) {
        if !self.wants(Step::Reconcile) {
            return;
        }
        let pipeline = self.pipeline();
        let mut command = self.command(words(&["thresh", "reconcile"]));
        if let Some(raw) = pipeline.raw.as_ref().filter(|_| self.wants(Step::Staging) && self.wants(Step::Enrich)) {
            command.words.push(self.folder(&raw.processing));
        }
        command.words.push(self.folder(&pipeline.enriched.good));
        command.words.push(self.folder(&pipeline.shredded.good));
        steps.push(self.finish(command, Step::Reconcile, Step::Reconcile.name().to_owned()));
    }

    fn archive_raw(&self, steps: &mut Vec<PlannedStep>) {
        let Some(raw) = self.pipeline().raw.as_ref().filter(|_| self.wants(Step::ArchiveRaw)) else { return };
        let input = self.raw_input().expect("there are raw folders");
        let mut command = self.archive(input, &raw.archive);
        if self.request.selection.skips("staging") {
            // Whatever is there, by whoever: no run of ours that could be whole.
            command.words.extend(self.run_id());
            command.words.push("--allow-incomplete".to_owned());
        }
        steps.push(self.finish(command, Step::ArchiveRaw, Step::ArchiveRaw.name().to_owned()));
    }

    fn archive(&self, input: String, output: &Location) -> Command {
        let mut command = self.command(words(&["thresh", "archive"]));
        command.words.extend([input, "--output".to_owned(), output.to_string(), "--resume".to_owned()]);
        command
    }

    fn load(&self, steps: &mut Vec<PlannedStep>) {
        if !self.wants(Step::RdbLoad) {
            return;
        }
        let pipeline = self.pipeline();
        let mut names: Vec<String> = Vec::new();
        for target in self.request.targets.iter().filter(|target| target.purpose == Purpose::EnrichedEvents) {
            let mut command = self.command(words(&["thresh", "load"]));
            command.words.push(self.folder(&pipeline.shredded.good));
            command.words.extend(["--target".to_owned(), target.target.clone()]);
            self.resolver(&mut command);
            self.load_parts(&mut command);
            if target.redshift {
                for (option, value) in [
                    ("--jsonpaths", pipeline.jsonpaths.as_ref().map(Location::to_string)),
                    ("--region", pipeline.s3.region.clone()),
                ] {
                    command.words.extend(value.into_iter().flat_map(|value| [option.to_owned(), value]));
                }
            }
            for (key, value) in &pipeline.tags {
                command.words.extend(["--tag".to_owned(), format!("{key}={value}")]);
            }
            let password = match (&target.password_env, &target.password_file) {
                (Some(variable), _) => Some(EnvValue::Variable(variable.clone())),
                (None, Some(path)) => Some(EnvValue::File(path.clone())),
                (None, None) => None,
            };
            command.environment.extend(password.map(|value| ("THRESH_TARGET_PASSWORD".to_owned(), value)));
            let name = unique(format!("{}:{}", Step::RdbLoad, slug(&target.name)), &names);
            names.push(name.clone());
            steps.push(self.finish(command, Step::RdbLoad, name));
        }
    }

    /// Names in `--skip` and `--include` that are parts of loading.
    fn load_parts(&self, command: &mut Command) {
        let selection = self.request.selection;
        let parts = ["consistency_check", "analyze", "load_manifest_check"];
        let skipped: Vec<&str> = parts.into_iter().filter(|part| selection.skips(part)).collect();
        if !skipped.is_empty() {
            command.words.extend(["--skip".to_owned(), skipped.join(",")]);
        }
        let included: Vec<&str> = selection.include.iter().map(|include| include.0.as_str()).collect();
        if !included.is_empty() {
            command.words.extend(["--include".to_owned(), included.join(",")]);
        }
    }

    fn archive_events(&self, steps: &mut Vec<PlannedStep>) {
        let pipeline = self.pipeline();
        for (step, folders) in
            [(Step::ArchiveEnriched, &pipeline.enriched), (Step::ArchiveShredded, &pipeline.shredded)]
        {
            let Some(archive) = folders.archive.as_ref().filter(|_| self.wants(step)) else { continue };
            let command = self.archive(self.folder(&folders.good), archive);
            steps.push(self.finish(command, step, step.name().to_owned()));
        }
    }
}

/// A command in the making.
struct Command {
    words: Vec<String>,
    environment: Vec<(String, EnvValue)>,
}

fn words(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

/// A name without anything that file systems or shells care about.
fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            slug.push(c.to_ascii_lowercase());
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "target".to_owned() } else { slug.to_owned() }
}

fn unique(name: String, taken: &[String]) -> String {
    if !taken.contains(&name) {
        return name;
    }
    let numbered = (2..).map(|number| format!("{name}-{number}"));
    numbered.into_iter().find(|name| !taken.contains(name)).expect("numbers do not end")
}

#[cfg(test)]
mod tests;
