//! Which models the arguments of `ddl` name.

use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use crate::commands::{CliError, Exit};
use crate::ddl::{FolderSource, ModelKey, SchemaSource};
use crate::iglu::{Resolver, SchemaCriterion, SchemaVer};

/// Models and where their schemas are.
pub(super) struct Source {
    pub schemas: Arc<dyn SchemaSource>,
    pub models: Vec<ModelKey>,
}

/// Finds the models of all arguments.
pub(super) fn find(arguments: &[String], resolver: &Arc<Resolver>) -> Result<Vec<Source>, CliError> {
    arguments.iter().map(|argument| find_one(argument, resolver)).collect()
}

fn find_one(argument: &str, resolver: &Arc<Resolver>) -> Result<Source, CliError> {
    if argument.starts_with("iglu:") {
        let criterion = SchemaCriterion::parse(argument);
        let named = criterion.and_then(|criterion| Some((criterion.model?, criterion)));
        let Some((model, criterion)) = named else {
            return Err(CliError::usage(format!("`{argument}` is no schema"))
                .hint("iglu:vendor/name/jsonschema/1-0-0, or 1-*-*"));
        };
        let key = ModelKey { vendor: criterion.vendor, name: criterion.name, model };
        return Ok(Source { schemas: resolver.clone(), models: vec![key] });
    }
    let path = Path::new(argument);
    let (root, wanted) = split_registry(path).ok_or_else(|| {
        CliError::usage(format!("{argument}: neither a schema nor a folder of a static registry"))
            .hint("iglu:vendor/name/jsonschema/1-0-0, or a folder that has or is in one named `schemas`")
    })?;
    let models = models_below(&root, &wanted);
    if models.is_empty() {
        return Err(CliError::new(Exit::NoData, format!("{argument}: there are no schemas here")));
    }
    Ok(Source { schemas: Arc::new(FolderSource::new(root)), models })
}

/// The registry's folder, and the part of it that is wanted: vendor, and perhaps name.
fn split_registry(path: &Path) -> Option<(PathBuf, Vec<String>)> {
    if !path.is_dir() {
        return None;
    }
    if path.join("schemas").is_dir() {
        return Some((path.to_owned(), Vec::new()));
    }
    let absolute = std::path::absolute(path).ok()?;
    let parts: Vec<Component<'_>> = absolute.components().collect();
    let at = parts.iter().rposition(|part| part.as_os_str() == "schemas")?;
    let wanted = parts[at + 1..].iter().filter_map(|part| part.as_os_str().to_str()).map(str::to_owned);
    Some((parts[..at].iter().collect(), wanted.collect()))
}

fn models_below(root: &Path, wanted: &[String]) -> Vec<ModelKey> {
    let schemas = root.join("schemas");
    let fits = |name: &String, level: usize| wanted.get(level).is_none_or(|only| only == name);
    let mut models = Vec::new();
    for vendor in names(&schemas).into_iter().filter(|name| fits(name, 0)) {
        let folder = schemas.join(&vendor);
        for name in names(&folder).into_iter().filter(|name| fits(name, 1)) {
            for version in names(&folder.join(&name).join("jsonschema")) {
                if let Some(version) = SchemaVer::parse(&version) {
                    models.push(ModelKey { vendor: vendor.clone(), name: name.clone(), model: version.model });
                }
            }
        }
    }
    models.sort();
    models.dedup();
    models
}

fn names(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_of_a_registry() {
        let root = tempfile::tempdir().unwrap();
        for path in [
            "com.acme/a/jsonschema/1-0-0",
            "com.acme/a/jsonschema/2-0-0",
            "com.acme/b/jsonschema/1-0-0",
            "org.x/c/jsonschema/1-0-0",
        ] {
            let file = root.path().join("schemas").join(path);
            std::fs::create_dir_all(file.parent().unwrap()).unwrap();
            std::fs::write(file, "{}").unwrap();
        }
        let found = |below: &str| {
            let (root, wanted) = split_registry(&root.path().join(below)).unwrap();
            models_below(&root, &wanted).iter().map(ModelKey::table_name).collect::<Vec<_>>()
        };
        assert_eq!(found(""), ["com_acme_a_1", "com_acme_a_2", "com_acme_b_1", "org_x_c_1"]);
        assert_eq!(found("schemas"), found(""));
        assert_eq!(found("schemas/com.acme"), ["com_acme_a_1", "com_acme_a_2", "com_acme_b_1"]);
        assert_eq!(found("schemas/com.acme/b/jsonschema"), ["com_acme_b_1"]);
        assert!(split_registry(Path::new("/")).is_none());
    }
}
