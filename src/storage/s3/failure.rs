//! What an unsuccessful request means, decided once, by the HTTP status first and the error code second.
//!
//! Source: Amazon S3 API reference, "Error responses".

use std::error::Error;
use std::time::Duration;

use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::storage::{Location, StorageError};

/// Why one attempt failed.
#[derive(Debug)]
pub(super) enum Failure {
    /// No such key, bucket or upload.
    NotFound,
    /// A condition does not hold, or the object is not the one that was listed.
    Changed,
    /// No permission, or no valid credentials.
    Denied(String),
    /// Worth another attempt.
    Transient(String),
    /// Not worth another attempt.
    Permanent(String),
}

impl Failure {
    pub(super) fn at(self, location: &Location) -> StorageError {
        let location = location.clone();
        match self {
            Failure::NotFound => StorageError::NotFound { location },
            Failure::Changed => StorageError::PreconditionFailed { location },
            Failure::Denied(detail) => StorageError::Denied { location, detail },
            Failure::Transient(detail) => StorageError::Failed { location, detail, transient: true },
            Failure::Permanent(detail) => StorageError::Failed { location, detail, transient: false },
        }
    }

    pub(super) fn timed_out(limit: Duration) -> Failure {
        Failure::Transient(format!("no answer within {} s", limit.as_secs_f32()))
    }
}

/// Sorts the SDK's error.
pub(super) fn classify<E>(error: SdkError<E>) -> Failure
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match &error {
        SdkError::ServiceError(context) => {
            let raw = context.raw();
            let region = raw.headers().get("x-amz-bucket-region");
            let (code, message) = (context.err().code(), context.err().message());
            by_status(raw.status().as_u16(), code.unwrap_or(""), message.unwrap_or(""), region)
        }
        // The answer was cut or garbled on its way.
        SdkError::ResponseError(_) | SdkError::TimeoutError(_) => Failure::Transient(describe(&error)),
        SdkError::DispatchFailure(failure) if failure.is_io() || failure.is_timeout() => {
            Failure::Transient(describe(&error))
        }
        SdkError::DispatchFailure(failure) if failure.as_other().is_some() => Failure::Transient(describe(&error)),
        _ => {
            let detail = describe(&error);
            if detail.contains("credential") {
                let advice =
                    "no usable AWS credentials; set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY";
                return Failure::Denied(format!("{advice} ({detail})"));
            }
            Failure::Permanent(detail)
        }
    }
}

/// The error and its causes in one line.
fn describe<E: Error + 'static>(error: &SdkError<E>) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        text = format!("{text}: {current}");
        cause = current.source();
    }
    text
}

fn by_status(status: u16, code: &str, message: &str, region: Option<&str>) -> Failure {
    let mut detail = format!("HTTP status {status}");
    for part in [code, message] {
        if !part.is_empty() {
            detail = format!("{detail}, {part}");
        }
    }
    match (status, code) {
        (_, "SlowDown" | "InternalError" | "ServiceUnavailable" | "RequestTimeout" | "Throttling") => {
            Failure::Transient(detail)
        }
        (_, "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired") => Failure::Denied(detail),
        (404, _) => Failure::NotFound,
        (412 | 416, _) => Failure::Changed,
        // Two conditional writes at once: the next attempt will see who won.
        (409, "ConditionalRequestConflict" | "OperationAborted") => Failure::Transient(detail),
        (401 | 403, _) => Failure::Denied(detail),
        (501, _) => Failure::Permanent(detail),
        (408 | 429 | 500.., _) => Failure::Transient(detail),
        (301 | 307 | 400, _) if region.is_some() => {
            let region = region.unwrap_or_default();
            Failure::Permanent(format!("{detail}; the bucket is in region {region}: set AWS_REGION={region}"))
        }
        _ => Failure::Permanent(detail),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_sorted_by_what_can_be_done() {
        let kind = |status, code| match by_status(status, code, "words", None) {
            Failure::NotFound => "not found",
            Failure::Changed => "changed",
            Failure::Denied(_) => "denied",
            Failure::Transient(_) => "transient",
            Failure::Permanent(_) => "permanent",
        };
        assert_eq!(kind(404, ""), "not found");
        assert_eq!(kind(404, "NoSuchUpload"), "not found");
        assert_eq!(kind(412, "PreconditionFailed"), "changed");
        assert_eq!(kind(416, "InvalidRange"), "changed");
        assert_eq!(kind(403, "AccessDenied"), "denied");
        assert_eq!(kind(400, "ExpiredToken"), "denied");
        assert_eq!(kind(409, "ConditionalRequestConflict"), "transient");
        assert_eq!(kind(409, "BucketNotEmpty"), "permanent");
        assert_eq!(kind(400, "RequestTimeout"), "transient");
        assert_eq!(kind(400, "InvalidArgument"), "permanent");
        assert_eq!(kind(501, "NotImplemented"), "permanent");
        for status in [408, 429, 500, 502, 503, 504] {
            assert_eq!(kind(status, ""), "transient");
        }
        assert_eq!(kind(200, "InternalError"), "transient", "an error inside a successful answer");
        let moved = by_status(301, "PermanentRedirect", "", Some("eu-west-1"));
        let text = moved.at(&Location::Stdio).to_string();
        assert!(text.contains("AWS_REGION=eu-west-1") && text.contains("301"), "{text}");
    }
}
