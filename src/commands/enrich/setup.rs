//! What the arguments of `enrich` resolve to: schemas, enrichments, adapters. All of it is read and checked before the
//! first input.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use super::adapters::AdapterSetup;
use super::assets::{Assets, default_cache};
use super::findings::Findings;
use super::job::{EnrichJob, WorkerParts};
use super::{BadFormatArg, EnrichArgs, FormatArg};
use crate::badrow::{BadRowConfig, BadRowFormat, Processor};
use crate::commands::{CliError, Exit, StorageStore};
use crate::enrich::{EnrichConfig, EnrichStage};
use crate::enrichment::{ConfigFile, EnrichmentOptions, EnrichmentSet, Resources, read_configs, read_folder};
use crate::iglu::{Resolver, ResolverOptions, Validator};
use crate::run::digest;

/// The configuration, ready to be used.
pub(in crate::commands) struct Setup {
    resolver: Arc<Resolver>,
    enrichments: EnrichmentSet,
    adapters: AdapterSetup,
    digests: BTreeMap<String, String>,
    findings: Findings,
    offline: bool,
}

/// Reads and checks everything that the arguments name.
pub(in crate::commands) fn resolve(args: &EnrichArgs) -> Result<Setup, CliError> {
    let storage = args.storage.storage();
    let mut digests = BTreeMap::new();
    let options = ResolverOptions {
        offline: args.offline,
        store: Some(Arc::new(StorageStore(storage.clone()))),
        ..ResolverOptions::default()
    };
    let resolver = match &args.resolver {
        None => Resolver::default_central(options),
        Some(file) => {
            digests.insert("resolver".to_owned(), digest_of(file)?);
            Resolver::from_config_file(file, options)
                .map_err(|error| CliError::from_error(Exit::Usage, &error).hint("a correct --resolver file"))?
        }
    };
    let resolver = Arc::new(resolver);
    let files = match &args.enrichments {
        None => Vec::new(),
        Some(folder) => read_folder(folder).map_err(|error| CliError::from_error(Exit::Usage, &error))?,
    };
    for file in &files {
        let name = Path::new(&file.name).file_name().unwrap_or_default().to_string_lossy();
        digests.insert(format!("enrichments/{name}"), digest(file.text.as_bytes()));
    }
    let adapters = AdapterSetup::read(args.adapters.as_deref())?;
    let mut findings = Findings::new(args);
    digests.extend(adapters.digest.iter().map(|digest| ("adapters".to_owned(), digest.clone())));
    let cache = args.cache_dir.clone().or_else(default_cache);
    let assets = Assets::new(storage, args.offline, cache);
    let enrichments = build_enrichments(&files, &resolver, &assets, args.skip_unsupported, &mut findings)?;
    findings.data_files(&assets.found());
    findings.remote_adapters(&adapters.config.remote);
    Ok(Setup { resolver, enrichments, adapters, digests, findings, offline: args.offline })
}

fn digest_of(file: &Path) -> Result<String, CliError> {
    let unreadable =
        |error: std::io::Error| CliError::usage(format!("{}: cannot be read", file.display())).because(Some(&error));
    std::fs::read(file).map(|bytes| digest(&bytes)).map_err(unreadable)
}

fn build_enrichments(
    files: &[ConfigFile],
    resolver: &Arc<Resolver>,
    assets: &Assets,
    skip_unsupported: bool,
    findings: &mut Findings,
) -> Result<EnrichmentSet, CliError> {
    let options = EnrichmentOptions { skip_unsupported, ..EnrichmentOptions::default() };
    let mut validator = Resolver::client(resolver);
    let configs =
        read_configs(files, &mut validator, &options).map_err(|error| CliError::from_error(Exit::Usage, &error))?;
    for warning in &configs.warnings {
        tracing::warn!("{warning}");
    }
    findings.enrichments(files, &configs);
    EnrichmentSet::build(&configs, &Resources { assets, options: &options })
        .map_err(|error| CliError::from_error(Exit::Usage, &error))
}

impl Setup {
    /// What was found, for `--check`.
    pub(super) fn findings(&self) -> &str {
        self.findings.text()
    }

    /// Whether events wait for answers of services.
    pub(super) fn waits_for_services(&self) -> bool {
        let has_remote_adapters = !self.offline && !self.adapters.config.remote.services.is_empty();
        has_remote_adapters || self.enrichments.steps().iter().any(|step| step.lookup_counters().is_some())
    }

    /// What the output depends on besides the inputs.
    pub(in crate::commands) fn configuration(&self, args: &EnrichArgs) -> BTreeMap<String, String> {
        let mut configuration = self.digests.clone();
        let mut set = |name: &str, value: String| configuration.insert(name.to_owned(), value);
        set("bad_format", format!("{:?}", args.bad_format).to_lowercase());
        set("format", args.format.to_string());
        set("offline", args.offline.to_string());
        set("accept_invalid", args.accept_invalid.to_string());
        set("skip_unsupported", args.skip_unsupported.to_string());
        if let Some(millis) = args.etl_tstamp {
            set("etl_tstamp", millis.to_string());
        }
        configuration
    }

    /// The stage of a run.
    pub(in crate::commands) fn into_job(self, args: &EnrichArgs, etl_millis: i64) -> EnrichJob {
        let bad_rows = BadRowConfig {
            processor: Processor {
                artifact: "thresh-enrich".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            format: match args.bad_format {
                BadFormatArg::V2 => BadRowFormat::V2,
                BadFormatArg::Legacy => BadRowFormat::Legacy,
            },
            max_size: None,
        };
        let mut config = EnrichConfig::new(bad_rows, etl_millis);
        config.max_record_size = Some(args.batch.max_record_size);
        config.accept_invalid = args.accept_invalid;
        let stage = Arc::new(EnrichStage::new(config, Arc::new(self.adapters.registry(args.offline))));
        let (enrichments, resolver) = (self.enrichments, self.resolver);
        let parts: WorkerParts = Box::new(move || {
            let validator: Box<dyn Validator> = Box::new(Resolver::client(&resolver));
            (enrichments.instances(), validator)
        });
        EnrichJob { stage, format: args.format.clone(), parts }
    }
}

impl std::fmt::Display for FormatArg {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FormatArg::Auto => f.write_str("auto"),
            FormatArg::Fixed(format) => format.fmt(f),
        }
    }
}
