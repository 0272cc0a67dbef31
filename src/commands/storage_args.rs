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
        Storage::new(self.options())
    }

    /// The knobs of storage.
    pub fn options(&self) -> StorageOptions {
        let defaults = StorageOptions::default();
        StorageOptions {
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
        }
    }

    /// A method of encryption as `--s3-encryption` takes it.
    pub fn parse_encryption(text: &str) -> Result<Encryption, String> {
        parse_encryption(text)
    }

    /// The same options as words of a command line; what is left to the default is left out.
    pub fn to_arguments(&self) -> Vec<String> {
        let mut words = Vec::new();
        let mut option = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                words.extend([format!("--s3-{name}"), value]);
            }
        };
        option("encryption", self.s3_encryption.as_ref().and_then(encryption_text));
        option("storage-class", self.s3_storage_class.clone());
        let checksums = self.s3_checksums.to_possible_value().map(|value| value.get_name().to_owned());
        option("checksums", checksums.filter(|_| self.s3_checksums != ChecksumsArg::default()));
        let attempts = self.s3_max_attempts;
        option("max-attempts", (attempts != StorageOptions::default().s3_max_attempts).then(|| attempts.to_string()));
        option("part-size", self.s3_part_size.map(|size| size.to_string()));
        words.extend(self.s3_path_style.then(|| "--s3-path-style".to_owned()));
        words.extend(self.s3_request_payer.then(|| "--s3-request-payer".to_owned()));
        words
    }
}

fn encryption_text(method: &Encryption) -> Option<String> {
    match method {
        Encryption::BucketDefault => None,
        Encryption::Aes256 => Some("aes256".to_owned()),
        Encryption::Kms(None) => Some("kms".to_owned()),
        Encryption::Kms(Some(key)) => Some(format!("kms:{key}")),
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
    fn options_survive_being_written() {
        #[derive(Debug, clap::Parser)]
        struct Line {
            #[command(flatten)]
            storage: StorageArgs,
        }
        let read = |words: &[&str]| {
            let line = <Line as clap::Parser>::try_parse_from([&["x"], words].concat()).unwrap();
            line.storage.to_arguments()
        };
        assert_eq!(read(&[]), [""; 0]);
        let all = [
            "--s3-encryption",
            "kms:arn:aws:kms:k",
            "--s3-storage-class",
            "STANDARD_IA",
            "--s3-checksums",
            "when-required",
            "--s3-max-attempts",
            "3",
            "--s3-part-size",
            "8388608",
            "--s3-path-style",
            "--s3-request-payer",
        ];
        assert_eq!(read(&all), all);
    }

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
