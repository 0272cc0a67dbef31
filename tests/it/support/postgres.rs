//! A PostgreSQL server of our own: its data in a temporary folder, on a free port, gone with the test process.
//!
//! The binaries are those on the PATH or Debian's below `/usr/lib/postgresql`. Without them the tests that need a server
//! say so and pass, unless `THRESH_TEST_POSTGRES=required`.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use thresh::load::TargetConfig;
use thresh::load::target::OpenOptions;

use super::server;

pub const PASSWORD: &str = "p@ss word";

struct Server {
    port: u16,
}

/// A database of a test's own.
pub struct Database {
    pub port: u16,
    pub name: String,
}

impl Database {
    /// A new, empty database; `None` if there is no PostgreSQL here.
    pub fn create() -> Option<Database> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let server = server()?;
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let admin = Database { port: server.port, name: "postgres".to_owned() };
        let mut target = thresh::load::open(&admin.config(), &OpenOptions::default()).unwrap();
        target.execute(&format!("CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")).unwrap();
        Some(Database { port: server.port, name })
    }

    pub fn url(&self) -> String {
        format!("postgres://postgres:p%40ss%20word@127.0.0.1:{}/{}", self.port, self.name)
    }

    pub fn config(&self) -> TargetConfig {
        TargetConfig::parse(&self.url()).unwrap()
    }
}

fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let started = SERVER.get_or_init(|| match bin_folder() {
        Some(bin) => Some(start(&bin)),
        None => {
            let message = "no PostgreSQL here (initdb, postgres): tests that need a server are SKIPPED";
            assert!(std::env::var_os("THRESH_TEST_POSTGRES").is_none(), "{message}");
            eprintln!("{message}");
            None
        }
    });
    started.as_ref()
}

fn bin_folder() -> Option<PathBuf> {
    let debian = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<PathBuf> = debian.map(|entry| entry.path().join("bin")).collect();
    folders.sort();
    folders.reverse();
    let path = std::env::var_os("PATH").unwrap_or_default();
    folders.extend(std::env::split_paths(&path));
    folders.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
}

fn start(bin: &Path) -> Server {
    let user = server::other_user(&["postgres", "nobody"]);
    let folder = server::folder("thresh-test-postgres-", user);
    let password = folder.join("password");
    fs::write(&password, PASSWORD).unwrap();
    server::own(&password, user);
    let mut initdb = server::command(&bin.join("initdb"), user, &folder);
    initdb.args([
        "-D",
        "data",
        "-U",
        "postgres",
        "-A",
        "scram-sha-256",
        "--pwfile=password",
        "-E",
        "UTF8",
        "--no-sync",
    ]);
    let output = initdb.output().unwrap();
    assert!(output.status.success(), "initdb: {}", String::from_utf8_lossy(&output.stderr));
    let port = server::free_port();
    let mut postgres = server::command(&bin.join("postgres"), user, &folder);
    postgres.args(["-D", "data", "-h", "127.0.0.1", "-k", "", "-p", &port.to_string(), "-F"]);
    postgres.args(["-c", "max_connections=200", "-c", "full_page_writes=off", "-c", "timezone=UTC"]);
    server::start(postgres, &folder);
    let probe = Database { port, name: "postgres".to_owned() };
    server::wait("PostgreSQL", &folder, || {
        TcpStream::connect(("127.0.0.1", port)).is_ok()
            && thresh::load::open(&probe.config(), &OpenOptions::default()).is_ok()
    });
    Server { port }
}
