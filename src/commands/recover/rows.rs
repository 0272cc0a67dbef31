//! Reading rows one after the other, for what only looks at them.

use std::io::{BufRead, BufReader};

use super::args::RecoverArgs;
use super::job::{Origin, origin};
use crate::commands::{CliError, Exit};
use crate::recovery::Extras;
use crate::run::require_complete;
use crate::storage::{ObjectMeta, StorageError};

/// Reads every row of the inputs that is of the time asked for; `see` says whether to go on. An object that cannot be
/// read whole is named in the end.
pub(super) fn each(
    args: &RecoverArgs,
    see: &mut dyn FnMut(&str, Origin) -> Result<(), CliError>,
) -> Result<Exit, CliError> {
    let storage = args.storage.storage();
    let objects = match storage.list(&args.inputs) {
        Ok(objects) if objects.is_empty() => {
            return Err(CliError::new(Exit::NoData, "no data to process: no object matches"));
        }
        Err(StorageError::NotFound { location }) => {
            return Err(CliError::new(Exit::NoData, format!("{location}: there is no such input")));
        }
        other => other?,
    };
    if !args.batch.allow_incomplete {
        require_complete(&storage, &objects)?;
    }
    let extras = Extras { window: args.window(), ..Extras::default() };
    let mut exit = Exit::Done;
    for object in &objects {
        let origin = origin(object, &extras);
        if origin == Origin::OutsideTime {
            continue;
        }
        let decoder = storage.open_decoded(object)?;
        if let Err(error) = rows_of(BufReader::with_capacity(1 << 20, decoder), args, object, origin, see)? {
            tracing::warn!(location = %object.location, %error, "an input could not be read whole");
            exit = Exit::Partial;
        }
    }
    Ok(exit)
}

/// The rows of one object; the inner error is the object's.
fn rows_of(
    mut reader: impl BufRead,
    args: &RecoverArgs,
    object: &ObjectMeta,
    origin: Origin,
    see: &mut dyn FnMut(&str, Origin) -> Result<(), CliError>,
) -> Result<std::io::Result<()>, CliError> {
    let mut line = Vec::new();
    loop {
        line.clear();
        // One more than the limit, to see that it is exceeded.
        let limit = args.batch.max_record_size as u64 + 1;
        match std::io::Read::take(&mut reader, limit).read_until(b'\n', &mut line) {
            Err(error) => return Ok(Err(error)),
            Ok(0) => return Ok(Ok(())),
            Ok(_) => {}
        }
        if line.len() as u64 >= limit {
            tracing::warn!(location = %object.location, "a row larger than --max-record-size is left out");
            if let Err(error) = reader.skip_until(b'\n') {
                return Ok(Err(error));
            }
            continue;
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim_end_matches(['\n', '\r']);
        if !text.is_empty() {
            see(text, origin)?;
        }
    }
}
