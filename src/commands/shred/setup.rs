//! What the arguments of `shred` resolve to. All of it is read and checked before the first input.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cross_batch::{self, CrossBatch};
use super::{Criteria, DedupeArg, ShredArgs};
use crate::badrow::Processor;
use crate::commands::batch::Batch;
use crate::commands::{CliError, Exit};
use crate::ddl::TableOptions;
use crate::iglu::Resolver;
use crate::pipeline::Encoding;
use crate::shred::dedupe::{BatchScan, ScanOptions};
use crate::shred::{Dedupe, Formats, JobOptions, Plans, ShredConfig, ShredJob, SinkOptions, TypeSink};
use crate::storage::Location;

/// The configuration, ready to be used.
pub(super) struct Setup {
    resolver: Arc<Resolver>,
    formats: Formats,
    cross_batch: Option<CrossBatch>,
    /// What the output depends on.
    pub configuration: BTreeMap<String, String>,
}

/// Reads and checks everything that the arguments name.
pub(super) fn resolve(args: &ShredArgs) -> Result<Setup, CliError> {
    let mut configuration = BTreeMap::new();
    let storage = args.storage.storage();
    let resolver = args.schemas.resolver(&storage, &mut configuration)?;
    let list = |criteria: &Option<Criteria>| criteria.clone().unwrap_or_default().0;
    let formats = Formats {
        default: args.shred_format.into(),
        tsv: list(&args.tsv_schemas),
        json: list(&args.json_schemas),
        skip: list(&args.skip_schemas),
    };
    formats.check().map_err(|error| CliError::from_error(Exit::Usage, &error))?;
    let needs_two_looks = args.dedupe.dedupe != DedupeArg::None || args.dedupe.cross_batch.is_some();
    if needs_two_looks && args.inputs.contains(&Location::Stdio) {
        return Err(CliError::usage("standard input cannot be read twice, which finding duplicates needs")
            .hint("files, or --dedupe none"));
    }
    let cross_batch = args.dedupe.cross_batch.as_ref().map(cross_batch::read).transpose()?;
    let texts =
        |list: &[crate::iglu::SchemaCriterion]| list.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let facts = [
        ("shred_format", format!("{:?}", formats.default)),
        ("tsv_schemas", texts(&formats.tsv)),
        ("json_schemas", texts(&formats.json)),
        ("skip_schemas", texts(&formats.skip)),
        ("keep_long_texts", args.keep_long_texts.to_string()),
        ("additional_columns", args.additional_columns.to_string()),
        ("dedupe", format!("{:?}", args.dedupe.dedupe)),
        ("missing_fingerprint", format!("{:?}", args.dedupe.missing_fingerprint)),
        ("cross_batch", args.dedupe.cross_batch.as_ref().map_or("none".into(), ToString::to_string)),
        ("target_size", args.target_size.to_string()),
    ];
    configuration.extend(facts.map(|(name, value)| (name.to_owned(), value)));
    Ok(Setup { resolver, formats, cross_batch, configuration })
}

impl Setup {
    /// Takes a first look at the batch and makes the job.
    pub(super) fn into_job(self, args: &ShredArgs, batch: &Batch) -> Result<ShredJob, CliError> {
        let options = TableOptions { additional_columns: args.additional_columns };
        let plans = Plans::new(self.resolver.clone(), self.formats.clone(), options);
        let types = plans.types().clone();
        let processor =
            Processor { artifact: "thresh-shred".to_owned(), version: env!("CARGO_PKG_VERSION").to_owned() };
        let mut config = ShredConfig::new(plans, processor);
        config.cut_texts = !args.keep_long_texts;
        let dedupe = self.dedupe(args, batch)?;
        let threads = batch.engine_options().threads;
        let encoding = args.batch.encoding();
        let upload_memory = usize::try_from(args.upload_memory).unwrap_or(usize::MAX);
        let options = SinkOptions { encoding, target_size: args.target_size, threads, upload_memory };
        let sink = TypeSink::new(batch.run(), types, options);
        let resolver = self.resolver;
        let validators = Box::new(move || Box::new(Resolver::client(&resolver)) as Box<_>);
        let options = JobOptions { threads, gzip: encoding != Encoding::Plain, message: args.writes_message() };
        Ok(ShredJob::new(batch.run(), Arc::new(config), validators, dedupe, sink, options, batch.cancel()))
    }

    fn dedupe(&self, args: &ShredArgs, batch: &Batch) -> Result<Option<Dedupe>, CliError> {
        let in_batch = args.dedupe.dedupe == DedupeArg::InBatch;
        if !in_batch && self.cross_batch.is_none() {
            return Ok(None);
        }
        let missing = args.dedupe.missing_fingerprint.into();
        let scan_options = ScanOptions {
            threads: batch.engine_options().threads,
            filter_bytes: usize::try_from(args.dedupe.dedupe_memory).unwrap_or(usize::MAX),
            pairs: self.cross_batch.as_ref().is_some_and(CrossBatch::needs_pairs),
            missing,
        };
        let scan = BatchScan::run(batch.storage(), batch.objects(), scan_options, batch.cancel());
        let batch_time = scan.first_etl.unwrap_or_else(|| batch.started());
        let (seen, manifest) = match &self.cross_batch {
            None => (None, None),
            Some(store) => store.open(batch.storage(), batch_time, args.dedupe.cross_batch_window, &scan)?,
        };
        let temporary = args.dedupe.temp_dir.clone().unwrap_or_else(std::env::temp_dir);
        Ok(Some(Dedupe { scan, in_batch, missing, seen, manifest, temporary }))
    }
}
