//! `thresh completions SHELL`

use std::io::Write;

use clap::Args;
use clap_complete::Shell;

use super::{CliError, Exit};

/// Arguments of `completions`.
#[derive(Clone, Debug, Args)]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

/// Prints the script on standard output.
pub fn run(args: &CompletionsArgs) -> Result<Exit, CliError> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut crate::cli::command(), "thresh", &mut script);
    std::io::stdout().write_all(&script).map_err(|error| CliError::from_error(Exit::Failed, &error))?;
    Ok(Exit::Done)
}
