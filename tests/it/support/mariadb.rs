//! A MariaDB or MySQL server of our own.
//!
//! The binaries are those on the PATH or Debian's in `/usr/sbin`. Without them the tests that need a server say so and
//! pass, unless `THRESH_TEST_MYSQL=required`.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

use mysql::prelude::Queryable;
use mysql::{Conn, OptsBuilder};

use super::server;

pub const USER: &str = "tester";
pub const PASSWORD: &str = "p@ss 'word";

/// A database of a test's own.
pub struct Database {
    pub port: u16,
    pub name: String,
}

impl Database {
    /// A new, empty database; `None` if there is no server here.
    pub fn create() -> Option<Database> {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let port = port()?;
        let name = format!("test_{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut admin = Conn::new(options(port, None)).unwrap();
        admin.query_drop(format!("CREATE DATABASE {name} CHARACTER SET utf8mb4")).unwrap();
        Some(Database { port, name })
    }

    pub fn execute(&self, sql: &str) {
        Conn::new(options(self.port, Some(&self.name))).unwrap().query_drop(sql).unwrap();
    }
}

fn options(port: u16, database: Option<&str>) -> OptsBuilder {
    OptsBuilder::new()
        .ip_or_hostname(Some("127.0.0.1"))
        .tcp_port(port)
        .user(Some(USER))
        .pass(Some(PASSWORD))
        .db_name(database)
        .prefer_socket(false)
}

/// The port of the server that all tests of this process share.
fn port() -> Option<u16> {
    static PORT: OnceLock<Option<u16>> = OnceLock::new();
    *PORT.get_or_init(|| match (program("mariadbd"), program("mariadb-install-db")) {
        (Some(daemon), Some(install)) => Some(start(daemon, install)),
        _ => {
            let message = "no MariaDB here (mariadbd, mariadb-install-db): tests that need a server are SKIPPED";
            assert!(std::env::var_os("THRESH_TEST_MYSQL").is_none(), "{message}");
            eprintln!("{message}");
            None
        }
    })
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain([PathBuf::from("/usr/sbin"), PathBuf::from("/usr/bin")]);
    folders.map(|folder| folder.join(name)).find(|path| path.is_file())
}

fn start(daemon: PathBuf, install: PathBuf) -> u16 {
    let user = server::other_user(&["mysql", "nobody"]);
    let folder = server::folder("thresh-test-mariadb-", user);
    let data = format!("--datadir={}", folder.join("data").display());
    let mut installing = server::command(&install, user, &folder);
    installing.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    installing.args(["--no-defaults", &data, "--auth-root-authentication-method=normal", "--skip-test-db"]);
    let output = installing.output().unwrap();
    let said = || String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "mariadb-install-db: {}", said());
    let setup = folder.join("setup.sql");
    let quoted = PASSWORD.replace('\'', "''");
    let sql = format!(
        "CREATE USER '{USER}'@'127.0.0.1' IDENTIFIED BY '{quoted}';\nGRANT ALL ON *.* TO '{USER}'@'127.0.0.1';\n"
    );
    std::fs::write(&setup, sql).unwrap();
    server::own(&setup, user);
    let port = server::free_port();
    let mut serving = server::command(&daemon, user, &folder);
    serving.args([
        "--no-defaults",
        &data,
        "--bind-address=127.0.0.1",
        "--skip-name-resolve",
        "--default-time-zone=+00:00",
    ]);
    serving.arg(format!("--port={port}")).arg(format!("--socket={}", folder.join("socket").display()));
    serving.arg(format!("--init-file={}", setup.display())).arg("--innodb-flush-log-at-trx-commit=0");
    server::start(serving, &folder);
    server::wait("MariaDB", &folder, || Conn::new(options(port, None)).is_ok());
    port
}
