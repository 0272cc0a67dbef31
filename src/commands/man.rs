//! `thresh man DIR`

use std::path::{Path, PathBuf};

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
    let mut root = crate::cli::command();
    root.build();
    write_pages(&root, "thresh", &args.dir).map_err(failed)?;
    Ok(Exit::Done)
}

fn write_pages(command: &clap::Command, name: &str, folder: &Path) -> std::io::Result<()> {
    let page = clap_mangen::Man::new(command.clone().name(name.to_owned()));
    let mut text = Vec::new();
    page.render(&mut text)?;
    std::fs::write(folder.join(format!("{name}.1")), text)?;
    for child in command.get_subcommands().filter(|child| child.get_name() != "help" && !child.is_hide_set()) {
        write_pages(child, &format!("{name}-{}", child.get_name()), folder)?;
    }
    Ok(())
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
