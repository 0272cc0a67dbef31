//! What `--check` says: the configuration as it was understood, and the data files behind it.

use std::fmt::Write;
use std::path::Path;

use super::EnrichArgs;
use super::assets::Found;
use crate::adapter::RemoteAdapters;
use crate::enrichment::{ConfigFile, Configs};
use crate::report::bytes_text;

/// The lines to print.
#[derive(Default)]
pub(super) struct Findings {
    text: String,
}

impl Findings {
    pub(super) fn new(args: &EnrichArgs) -> Findings {
        let mut findings = Findings::default();
        match &args.resolver {
            Some(file) => findings.line(&format!("resolver: {}", file.display())),
            None => findings.line("resolver: Iglu Central"),
        }
        findings
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    fn line(&mut self, line: &str) {
        let _ = writeln!(self.text, "{line}");
    }

    /// The files of the folder, and which of them count.
    pub(super) fn enrichments(&mut self, files: &[ConfigFile], configs: &Configs) {
        self.line(&format!("enrichments: {} of {} files enabled", configs.enabled.len(), files.len()));
        for named in &configs.enabled {
            let file = Path::new(&named.file).file_name().unwrap_or_default().to_string_lossy();
            self.line(&format!("  {file}  {}", named.name));
        }
    }

    /// Where data files came from.
    pub(super) fn data_files(&mut self, found: &[Found]) {
        if !found.is_empty() {
            self.line("data files:");
        }
        for file in found {
            self.line(&format!("  {}  {}, {}", file.uri, bytes_text(file.bytes), file.origin));
        }
    }

    /// The services that turn payloads into events.
    pub(super) fn remote_adapters(&mut self, remote: &RemoteAdapters) {
        for service in &remote.services {
            self.line(&format!("remote adapter: {}/{}  {}", service.vendor, service.version, service.url));
        }
    }
}
