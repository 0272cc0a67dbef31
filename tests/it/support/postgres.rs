//! A PostgreSQL server of our own: its data in a temporary folder, on a free port, gone with the test process.
//!
//! The binaries are those on the PATH or Debian's below `/usr/lib/postgresql`. Without them the tests that need a server
//! say so and pass, unless `THRESH_TEST_POSTGRES=required`.

use std::ffi::CString;
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use thresh::load::TargetConfig;
use thresh::load::target::OpenOptions;

pub const PASSWORD: &str = "p@ss word";
const FOLDER: &str = "thresh-test-postgres-";

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

/// PostgreSQL does not run as root: then it runs as its own user, or as nobody.
fn other_user() -> Option<(u32, u32)> {
    if unsafe { libc::geteuid() } != 0 {
        return None;
    }
    for name in ["postgres", "nobody"] {
        let name = CString::new(name).unwrap();
        let entry = unsafe { libc::getpwnam(name.as_ptr()) };
        if !entry.is_null() {
            return Some(unsafe { ((*entry).pw_uid, (*entry).pw_gid) });
        }
    }
    panic!("root, and no other user to run PostgreSQL as");
}

fn command(program: &Path, user: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn start(bin: &Path) -> Server {
    remove_left_over();
    let folder = std::env::temp_dir().join(format!("{FOLDER}{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(folder.join("password"), PASSWORD).unwrap();
    let user = other_user();
    if let Some((uid, gid)) = user {
        for path in [folder.clone(), folder.join("password")] {
            std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
        }
    }
    let mut initdb = command(&bin.join("initdb"), user, &folder);
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
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut postgres = command(&bin.join("postgres"), user, &folder);
    postgres.args(["-D", "data", "-h", "127.0.0.1", "-k", "", "-p", &port.to_string(), "-F"]);
    postgres.args(["-c", "max_connections=200", "-c", "full_page_writes=off", "-c", "timezone=UTC"]);
    let log = fs::File::create(folder.join("log")).unwrap();
    postgres.stdout(log.try_clone().unwrap()).stderr(log);
    // The server goes when the thread that started it goes, so that thread must live as long as the process.
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        unsafe {
            postgres.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGQUIT);
                Ok(())
            });
        }
        sender.send(postgres.spawn().map(|_| ())).unwrap();
        loop {
            std::thread::park();
        }
    });
    receiver.recv().unwrap().unwrap();
    let deadline = Instant::now() + Duration::from_secs(180);
    let probe = Database { port, name: "postgres".to_owned() };
    loop {
        if TcpStream::connect(("127.0.0.1", port)).is_ok()
            && thresh::load::open(&probe.config(), &OpenOptions::default()).is_ok()
        {
            return Server { port };
        }
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(Instant::now() < deadline, "PostgreSQL does not start: {}", log());
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Folders of test processes that are gone.
fn remove_left_over() {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(FOLDER).and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
