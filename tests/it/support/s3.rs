//! An S3 server of our own on a free port, with the faults that real ones have.
//!
//! Objects are kept in memory, in key order, and writes are atomic, which s3s-fs cannot offer; signatures are checked.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use hyper_util::rt::{TokioExecutor, TokioIo};
use s3s::S3ErrorCode;
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use thresh::storage::{Location, Storage, StorageOptions};
use tokio::net::TcpListener;

use super::s3_service::MemoryS3;

pub const BUCKET: &str = "test-bucket";
const ACCESS_KEY: &str = "AKTEST";
const SECRET_KEY: &str = "secret";

/// Something that goes wrong.
#[derive(Clone, Debug)]
pub enum Fault {
    /// The request is refused with this code.
    Code(S3ErrorCode),
    /// The request is carried out, but the answer says otherwise.
    DoneButRefused(S3ErrorCode),
    /// The body stops after so many bytes and the connection is closed.
    CutAfter(usize),
    /// The body stops after so many bytes and nothing more comes.
    StallAfter(usize),
    /// The answer comes late.
    Late(Duration),
}

/// A stored object.
#[derive(Clone, Debug)]
pub struct Stored {
    pub bytes: bytes::Bytes,
    pub etag: String,
    pub metadata: HashMap<String, String>,
    pub modified: SystemTime,
}

#[derive(Debug, Default)]
pub struct Upload {
    pub parts: BTreeMap<i32, (String, bytes::Bytes)>,
    pub metadata: HashMap<String, String>,
}

#[derive(Default)]
pub struct State {
    pub objects: BTreeMap<String, Stored>,
    pub uploads: BTreeMap<String, Upload>,
    pub faults: Vec<(&'static str, Fault)>,
    /// One line a request: the operation, the key, and what else matters.
    pub log: Vec<String>,
    pub counter: u64,
    /// Every answer takes this long.
    pub latency: Duration,
    pub in_flight: usize,
    pub most_in_flight: usize,
}

impl State {
    pub fn store(&mut self, key: &str, bytes: bytes::Bytes, metadata: HashMap<String, String>, suffix: &str) -> String {
        self.counter += 1;
        let etag = format!("{:08x}{:04x}{suffix}", crc32c::crc32c(&bytes), self.counter);
        let stored = Stored { bytes, etag: etag.clone(), metadata, modified: SystemTime::now() };
        self.objects.insert(key.to_owned(), stored);
        etag
    }
}

/// A running server; it ends when dropped.
pub struct FakeS3 {
    state: Arc<Mutex<State>>,
    address: SocketAddr,
    _runtime: tokio::runtime::Runtime,
}

impl FakeS3 {
    /// A server with one empty bucket.
    pub fn start() -> FakeS3 {
        let state = Arc::new(Mutex::new(State::default()));
        let mut builder = S3ServiceBuilder::new(MemoryS3(Arc::clone(&state)));
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        FakeS3::serve(builder.build(), state)
    }

    /// The independent implementation of s3s-fs over a folder, as a second opinion. No faults, no log.
    pub fn on_files(root: &Path) -> FakeS3 {
        std::fs::create_dir(root.join(BUCKET)).unwrap();
        let mut builder = S3ServiceBuilder::new(s3s_fs::FileSystem::new(root).unwrap());
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY, SECRET_KEY));
        FakeS3::serve(builder.build(), Arc::default())
    }

    fn serve(service: S3Service, state: Arc<Mutex<State>>) -> FakeS3 {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let service = service.clone();
                tokio::spawn(async move {
                    let server = hyper_util::server::conn::auto::Builder::new(TokioExecutor::new());
                    let _ = server.serve_connection(TokioIo::new(socket), service).await;
                });
            }
        });
        FakeS3 { state, address, _runtime: runtime }
    }

    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// SDK configuration that reaches this server.
    pub fn sdk_config(&self, secret: &str) -> SdkConfig {
        let credentials = Credentials::new(ACCESS_KEY, secret, None, None, "test");
        SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{}", self.address))
            .credentials_provider(SharedCredentialsProvider::new(credentials))
            .build()
    }

    /// The environment that leads a command to this server; it still needs `--s3-path-style`.
    pub fn environment(&self) -> [(&'static str, String); 4] {
        [
            ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
            ("AWS_REGION", "eu-west-1".to_owned()),
            ("AWS_ENDPOINT_URL_S3", format!("http://{}", self.address)),
        ]
    }

    /// Options for tests: this server, short pauses.
    pub fn options(&self) -> StorageOptions {
        StorageOptions {
            s3_sdk_config: Some(self.sdk_config(SECRET_KEY)),
            s3_path_style: true,
            s3_backoff: Duration::from_millis(2),
            s3_backoff_max: Duration::from_millis(20),
            s3_read_timeout: Duration::from_secs(5),
            ..StorageOptions::default()
        }
    }

    pub fn storage(&self) -> Storage {
        Storage::new(self.options())
    }

    pub fn at(&self, key: &str) -> Location {
        Location::S3 { bucket: BUCKET.to_owned(), key: key.to_owned() }
    }

    /// Puts an object there without a request.
    pub fn put(&self, key: &str, content: impl Into<Vec<u8>>) {
        self.state().store(key, content.into().into(), HashMap::new(), "");
    }

    pub fn content(&self, key: &str) -> Option<Vec<u8>> {
        self.state().objects.get(key).map(|stored| stored.bytes.to_vec())
    }

    /// The next `times` requests of this operation (`GET`, `PUT`, `LIST`…) meet this fault.
    pub fn fault(&self, operation: &'static str, times: usize, fault: Fault) {
        self.state().faults.extend(std::iter::repeat_n((operation, fault), times));
    }

    /// Takes the log of requests since the last call.
    pub fn log(&self) -> Vec<String> {
        std::mem::take(&mut self.state().log)
    }
}
