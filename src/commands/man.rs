//! `thresh man DIR`

use std::path::PathBuf;

use clap::Args;

use super::{CliError, Exit};

/// Arguments of `man`.
#[derive(Clone, Debug, Args)]
pub struct ManArgs {
    /// The folder to write to; it is created if need be
    pub dir: PathBuf,
}

/// Writes one page for thresh and one for each command.
pub fn run(args: &ManArgs) -> Result<Exit, CliError> {
    let failed = |error: std::io::Error| {
        CliError::new(Exit::Failed, format!("{}: cannot be written", args.dir.display())).because(Some(&error))
    };
    std::fs::create_dir_all(&args.dir).map_err(failed)?;
    clap_mangen::generate_to(crate::cli::command(), &args.dir).map_err(failed)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_for_every_command() {
        let folder = tempfile::tempdir().unwrap();
        run(&ManArgs { dir: folder.path().join("new") }).unwrap();
        let page = |name: &str| std::fs::read_to_string(folder.path().join("new").join(name)).unwrap();
        assert!(page("thresh.1").contains("thresh\\-enrich(1)"));
        assert!(page("thresh-enrich.1").contains("\\-\\-run\\-id"));
    }
}
