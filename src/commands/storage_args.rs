//! The `--s3-…` options.

use clap::{Args, ValueEnum};

use crate::report::parse_bytes;
use crate::storage::{Checksums, Encryption, Storage, StorageOptions};

/// How S3 is used. Credentials, region and endpoint come from the SDK's standard chain.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "S3")]
pub struct StorageArgs {
    /// Put the bucket into the path, not into the host name (for S3-compatible stores)
    #[arg(long)]
    pub s3_path_style: bool,
    /// Pay for reading buckets that ask the requester to
    #[arg(long)]
    pub s3_request_payer: bool,
    /// Encrypt what is written: `aes256`, `kms`, or `kms:KEY_ID` [default: the bucket's]
    #[arg(long, value_name = "METHOD", value_parser = parse_encryption)]
    pub s3_encryption: Option<Encryption>,
    /// Storage class of what is written, for example STANDARD_IA [default: the bucket's]
    #[arg(long, value_name = "CLASS")]
    pub s3_storage_class: Option<String>,
    /// When uploads and downloads carry the SDK's checksums
    #[arg(long, value_enum, value_name = "WHEN", default_value_t)]
    pub s3_checksums: ChecksumsArg,
    /// Attempts for one request
    #[arg(long, value_name = "N", default_value_t = StorageOptions::default().s3_max_attempts,
        value_parser = clap::value_parser!(u32).range(1..))]
    pub s3_max_attempts: u32,
    /// Size of one part of a multipart upload, 5MiB at least
    #[arg(long, value_name = "SIZE", value_parser = parse_part_size)]
    pub s3_part_size: Option<u64>,
}

/// [`Checksums`] as an option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ChecksumsArg {
    /// Always on AWS, only where required elsewhere.
    #[default]
    Auto,
    /// Only where an operation requires them.
    WhenRequired,
    /// Wherever an operation supports them.
    WhenSupported,
}

impl StorageArgs {
    /// All storage, used like this. Touches nothing yet.
    pub fn storage(&self) -> Storage {
        let defaults = StorageOptions::default();
        Storage::new(StorageOptions {
            s3_path_style: self.s3_path_style,
            s3_request_payer: self.s3_request_payer,
            s3_encryption: self.s3_encryption.clone().unwrap_or_default(),
            s3_storage_class: self.s3_storage_class.clone(),
            s3_checksums: match self.s3_checksums {
                ChecksumsArg::Auto => Checksums::Auto,
                ChecksumsArg::WhenRequired => Checksums::WhenRequired,
                ChecksumsArg::WhenSupported => Checksums::WhenSupported,
            },
            s3_max_attempts: self.s3_max_attempts,
            s3_part_size: self.s3_part_size.unwrap_or(defaults.s3_part_size),
            ..defaults
        })
    }
}

fn parse_encryption(text: &str) -> Result<Encryption, String> {
    match text.split_once(':') {
        None if text.eq_ignore_ascii_case("aes256") => Ok(Encryption::Aes256),
        None if text.eq_ignore_ascii_case("kms") => Ok(Encryption::Kms(None)),
        Some((kms, key)) if kms.eq_ignore_ascii_case("kms") && !key.is_empty() => {
            Ok(Encryption::Kms(Some(key.to_owned())))
        }
        _ => Err("write aes256, kms, or kms:KEY_ID".to_owned()),
    }
}

fn parse_part_size(text: &str) -> Result<u64, String> {
    let size = parse_bytes(text)?;
    if size < 5 << 20 { Err("S3 wants 5MiB at least".to_owned()) } else { Ok(size) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encryption() {
        assert_eq!(parse_encryption("AES256"), Ok(Encryption::Aes256));
        assert_eq!(parse_encryption("kms"), Ok(Encryption::Kms(None)));
        let arn = "arn:aws:kms:eu-west-1:1:key/x";
        assert_eq!(parse_encryption(&format!("kms:{arn}")), Ok(Encryption::Kms(Some(arn.to_owned()))));
        for wrong in ["", "kms:", "aes", "aes256:x"] {
            assert!(parse_encryption(wrong).is_err(), "{wrong}");
        }
        assert!(parse_part_size("1MiB").is_err());
    }
}
