//! The options of every command about a whole pipeline: which configuration, which targets, how S3 is reached.

use std::path::{Path, PathBuf};

use clap::Args;

use super::{CliError, Exit, StorageArgs};
use crate::orchestrate::pipeline::{Reading, S3Settings};
use crate::orchestrate::state::{StateError, StateStore};
use crate::orchestrate::targets::{is_url, repeated_id};
use crate::orchestrate::{Pipeline, TargetRef, emr, native};
use crate::storage::Storage;

/// Which pipeline.
#[derive(Clone, Debug, Args)]
pub struct PipelineArgs {
    /// EmrEtlRunner's config.yml, or our own TOML
    #[arg(short, long, value_name = "FILE")]
    pub config: PathBuf,
    /// Where relative paths in the configuration start [default: its folder]
    #[arg(long, value_name = "DIR")]
    pub config_folder: Option<PathBuf>,
    /// Options of storage; they win over the configuration.
    #[command(flatten)]
    pub storage: StorageArgs,
}

/// Which targets.
#[derive(Clone, Debug, Default, Args)]
pub struct TargetArgs {
    /// Folder of storage target files, one JSON a file
    #[arg(short, long, value_name = "DIR")]
    pub targets: Option<PathBuf>,
    /// One more target: a storage target file, or a URL such as sqlite:events.db; may be repeated
    #[arg(long, value_name = "FILE|URL")]
    pub target: Vec<String>,
}

/// A pipeline with all it takes to reach its folders.
pub struct Configured {
    /// The pipeline.
    pub pipeline: Pipeline,
    /// What reading the configuration came to besides.
    pub reading: Reading,
    /// How S3 is reached.
    pub arguments: StorageArgs,
    /// All storage.
    pub storage: Storage,
}

impl PipelineArgs {
    /// Reads the configuration, whatever is wrong with it.
    pub fn reading(&self) -> Result<Reading, CliError> {
        let file = &self.config;
        let unreadable = |error: std::io::Error| {
            CliError::usage(format!("{}: the configuration cannot be read", file.display())).because(Some(&error))
        };
        let text = std::fs::read_to_string(file).map_err(unreadable)?;
        let folder = self.config_folder.as_deref().or(file.parent()).unwrap_or(Path::new(""));
        let folder = match folder.as_os_str().is_empty() {
            true => std::env::current_dir().map_err(unreadable)?,
            false => std::path::absolute(folder).map_err(unreadable)?,
        };
        Ok(match is_toml(file, &text) {
            true => native::read(&text, &folder),
            false => emr::read(&text, &folder, &|name| std::env::var(name).ok()),
        })
    }

    /// Reads a configuration that must be right.
    pub fn read(&self) -> Result<Configured, CliError> {
        let mut reading = self.reading()?;
        let Some(pipeline) = reading.pipeline.take() else {
            let file = self.config.display();
            let lines: Vec<String> = reading.problems.iter().map(|problem| format!("\n  {file}: {problem}")).collect();
            return Err(CliError::usage(format!("the configuration is wrong:{}", lines.concat()))
                .hint("thresh lint --config says everything that is wrong, and which keys have no effect"));
        };
        let arguments = merged(&self.storage, &pipeline.s3)?;
        let storage = storage_of(&arguments, &pipeline.s3);
        Ok(Configured { pipeline, reading, arguments, storage })
    }
}

impl Configured {
    /// What has become of the pipeline's runs.
    pub fn state(&self) -> StateStore {
        StateStore::new(self.storage.clone(), self.pipeline.state.clone())
    }

    /// All targets: those of the folder, of the command line, of the configuration.
    pub fn targets(&self, args: &TargetArgs) -> Result<Vec<TargetRef>, CliError> {
        let mut targets = Vec::new();
        for path in target_files(args)? {
            targets.push(read_target(&path)?);
        }
        for target in &args.target {
            targets.push(one_target(target)?);
        }
        for entry in &self.pipeline.targets {
            targets.push(one_target(&entry.target)?.with_password_of(entry));
        }
        match repeated_id(&targets) {
            Some((one, other)) => Err(CliError::usage(format!(
                "{} and {}: data.id: two targets have the same id",
                one.target, other.target
            ))),
            None => Ok(targets),
        }
    }
}

/// The files of the folder of targets, in order.
pub fn target_files(args: &TargetArgs) -> Result<Vec<PathBuf>, CliError> {
    let Some(folder) = &args.targets else { return Ok(Vec::new()) };
    let unreadable = |error: std::io::Error| {
        CliError::usage(format!("{}: the folder of targets cannot be read", folder.display())).because(Some(&error))
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let hidden = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && path.extension().is_some_and(|extension| extension == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Reads a storage target file.
pub fn read_target(path: &Path) -> Result<TargetRef, CliError> {
    let name = path.display().to_string();
    let text = std::fs::read(path)
        .map_err(|error| CliError::usage(format!("{name}: the target cannot be read")).because(Some(&error)))?;
    TargetRef::from_json(&name, &text).map_err(|problem| CliError::usage(format!("{name}: {problem}")))
}

fn one_target(text: &str) -> Result<TargetRef, CliError> {
    if is_url(text) { TargetRef::from_url(text).map_err(CliError::usage) } else { read_target(Path::new(text)) }
}

/// By the name, and where that says nothing, by what can be read as TOML.
fn is_toml(file: &Path, text: &str) -> bool {
    match file.extension().and_then(|extension| extension.to_str()) {
        Some("toml") => true,
        Some("yml" | "yaml") => false,
        _ => toml::de::DeTable::parse(text).is_ok(),
    }
}

/// The options with what the configuration says where the command line says nothing.
fn merged(given: &StorageArgs, settings: &S3Settings) -> Result<StorageArgs, CliError> {
    let mut merged = given.clone();
    merged.s3_path_style |= settings.path_style;
    merged.s3_request_payer |= settings.request_payer;
    if merged.s3_encryption.is_none()
        && let Some(method) = &settings.encryption
    {
        let parsed = StorageArgs::parse_encryption(method);
        merged.s3_encryption = Some(parsed.map_err(|why| CliError::usage(format!("s3.encryption: {why}")))?);
    }
    merged.s3_storage_class = merged.s3_storage_class.or_else(|| settings.storage_class.clone());
    Ok(merged)
}

fn storage_of(arguments: &StorageArgs, settings: &S3Settings) -> Storage {
    let mut options = arguments.options();
    options.s3_keys.clone_from(&settings.credentials);
    options.s3_region.clone_from(&settings.region);
    Storage::new(options)
}

impl From<StateError> for CliError {
    fn from(error: StateError) -> CliError {
        match error {
            StateError::Run(error) => error.into(),
            StateError::Storage(error) => error.into(),
            StateError::NotAbove { .. } => CliError::from_error(Exit::Failed, &error)
                .hint("set the clock right, or give a later --run-id; ids that go back would put runs out of order"),
            StateError::Unreadable { .. } | StateError::NoRun { .. } => CliError::from_error(Exit::Failed, &error),
        }
    }
}
