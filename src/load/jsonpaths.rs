//! JSONPaths files: which value of a JSON row goes into which column, for Redshift's `COPY … JSON AS`.
//!
//! Facts: snowplow/snowplow-rdb-loader 1.2.3, `modules/loader/.../discovery/ShreddedType.scala`.

use super::LoadError;
use crate::ddl::{ModelKey, snake_case};
use crate::storage::{Location, Storage};

/// Where JSONPaths files are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JsonPaths {
    /// Folders, the first that has a file wins.
    pub folders: Vec<Location>,
}

/// The folder of files that Snowplow hosts for its own types, in a region.
pub fn hosted(region: &str) -> Location {
    let bucket = match region {
        "" | "eu-west-1" => "snowplow-hosted-assets".to_owned(),
        region => format!("snowplow-hosted-assets-{region}"),
    };
    Location::S3 { bucket, key: "4-storage/redshift-storage/jsonpaths/".to_owned() }
}

/// The name of a model's file: `com.acme/link_click_1.json`.
pub fn file_name(key: &ModelKey) -> String {
    format!("{}/{}_{}.json", key.vendor, snake_case(&key.name).replace('.', "_"), key.model)
}

impl JsonPaths {
    /// The file of a model, as a statement names it.
    pub fn find(&self, storage: &Storage, key: &ModelKey) -> Result<String, LoadError> {
        let name = file_name(key);
        for folder in &self.folders {
            let at = folder.join(&name);
            match storage.head(&at) {
                Ok(Some(_)) => return Ok(at.to_string()),
                Ok(None) => {}
                // A bucket of someone else's that is gone or closed has no files for us.
                Err(error) => tracing::debug!(%error, "no JSONPaths file there"),
            }
        }
        Err(LoadError::Discovery(format!(
            "JSONPath file [{name}] was not found; put it below the folder that --jsonpaths names, or shred {} as TSV",
            key.criterion()
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let key = ModelKey { vendor: "com.acme-x".into(), name: "PascalCase".into(), model: 2 };
        assert_eq!(file_name(&key), "com.acme-x/pascal_case_2.json");
        let of = |region| hosted(region).to_string();
        assert_eq!(of("eu-west-1"), "s3://snowplow-hosted-assets/4-storage/redshift-storage/jsonpaths/");
        assert_eq!(of("us-east-1"), "s3://snowplow-hosted-assets-us-east-1/4-storage/redshift-storage/jsonpaths/");
    }
}
