//! The SDK client and the runtime it lives on.

use std::sync::mpsc;

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    Credentials, Region, RequestChecksumCalculation, ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_sdk_s3::types::{RequestPayer, ServerSideEncryption, StorageClass};
use tokio::runtime::Runtime;
use tokio::task::AbortHandle;

use crate::storage::{Checksums, Encryption, StorageOptions};

/// The runtime that all requests run on.
pub(super) struct Engine {
    runtime: Option<Runtime>,
}

impl Engine {
    pub(super) fn start() -> std::io::Result<Engine> {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(2).thread_name("thresh-s3").enable_all().build()?;
        Ok(Engine { runtime: Some(runtime) })
    }

    pub(super) fn spawn<T, F>(&self, task: F) -> Pending<T>
    where
        F: Future<Output = T> + Send + 'static,
        T: Send + 'static,
    {
        let (sender, answer) = mpsc::sync_channel(1);
        let runtime = self.runtime.as_ref().expect("the runtime lives as long as its owner");
        let task = runtime.spawn(async move {
            // Nobody waits any more: fine.
            let _ = sender.send(task.await);
        });
        Pending { answer, task: task.abort_handle() }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // A plain drop would block, which is forbidden on another runtime's threads.
            runtime.shutdown_background();
        }
    }
}

/// A running request. Dropping it stops the request.
pub(super) struct Pending<T> {
    answer: mpsc::Receiver<T>,
    task: AbortHandle,
}

impl<T> Pending<T> {
    /// Blocks until the answer is there.
    pub(super) fn wait(&self) -> Result<T, &'static str> {
        self.answer.recv().map_err(|_| "the request was lost; this is a bug in thresh")
    }
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What requests need.
pub(super) struct Core {
    pub(super) client: aws_sdk_s3::Client,
    pub(super) options: StorageOptions,
}

/// Behaviour of the SDK that this code was written for.
fn behavior() -> BehaviorVersion {
    BehaviorVersion::v2026_01_12()
}

impl Core {
    pub(super) async fn load(options: StorageOptions) -> Core {
        let shared = match &options.s3_sdk_config {
            Some(given) => given.clone(),
            None => aws_config::defaults(behavior()).load().await,
        };
        let timeouts = TimeoutConfig::builder().connect_timeout(options.s3_connect_timeout).build();
        let mut builder = aws_sdk_s3::config::Builder::from(&shared)
            .behavior_version(behavior())
            .retry_config(RetryConfig::disabled())
            .timeout_config(timeouts)
            .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
            .force_path_style(options.s3_path_style);
        if let Some(keys) = &options.s3_keys {
            let (id, secret) = (&keys.access_key_id, &keys.secret_access_key);
            builder = builder.credentials_provider(Credentials::new(id, secret, None, None, "configuration"));
        }
        if let Some(region) = &options.s3_region {
            builder = builder.region(Region::new(region.clone()));
        } else if shared.region().is_none() {
            // As other S3 tools do; S3 answers with the right region's name if it is another.
            builder = builder.region(Region::from_static("us-east-1"));
        }
        if let Some((request, response)) = checksums(&options, &shared) {
            builder = builder.request_checksum_calculation(request).response_checksum_validation(response);
        }
        Core { client: aws_sdk_s3::Client::from_conf(builder.build()), options }
    }

    pub(super) fn payer(&self) -> Option<RequestPayer> {
        self.options.s3_request_payer.then_some(RequestPayer::Requester)
    }

    pub(super) fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.options.s3_encryption {
            Encryption::BucketDefault => (None, None),
            Encryption::Aes256 => (Some(ServerSideEncryption::Aes256), None),
            Encryption::Kms(key) => (Some(ServerSideEncryption::AwsKms), key.clone()),
        }
    }

    pub(super) fn storage_class(&self) -> Option<StorageClass> {
        self.options.s3_storage_class.as_deref().map(StorageClass::from)
    }
}

/// What to tell the SDK about checksums; `None` leaves it to the environment or to its default.
fn checksums(
    options: &StorageOptions,
    shared: &SdkConfig,
) -> Option<(RequestChecksumCalculation, ResponseChecksumValidation)> {
    let required = (RequestChecksumCalculation::WhenRequired, ResponseChecksumValidation::WhenRequired);
    let supported = (RequestChecksumCalculation::WhenSupported, ResponseChecksumValidation::WhenSupported);
    let configured = shared.request_checksum_calculation().is_some() || shared.response_checksum_validation().is_some();
    let endpoint = shared.endpoint_url().is_some() || std::env::var_os("AWS_ENDPOINT_URL_S3").is_some();
    match options.s3_checksums {
        Checksums::WhenRequired => Some(required),
        Checksums::WhenSupported => Some(supported),
        Checksums::Auto if endpoint && !configured => Some(required),
        Checksums::Auto => None,
    }
}
