//! Servers that tests start: their data in a temporary folder, on a free port, gone with the test process.

use std::ffi::CString;
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The user to run a server as: servers refuse to run as root. `None` if the tests do not run as root.
pub fn other_user(names: &[&str]) -> Option<(u32, u32)> {
    if unsafe { libc::geteuid() } != 0 {
        return None;
    }
    for name in names {
        let name = CString::new(*name).unwrap();
        let entry = unsafe { libc::getpwnam(name.as_ptr()) };
        if !entry.is_null() {
            return Some(unsafe { ((*entry).pw_uid, (*entry).pw_gid) });
        }
    }
    panic!("root, and none of {names:?} to run a server as");
}

/// A program run in a folder, with nothing of the test's environment.
pub fn command(program: &Path, user: Option<(u32, u32)>, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder).env_clear().env("LC_ALL", "C").env("TZ", "UTC").stdin(Stdio::null());
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

/// A folder for this process, which the server's user owns. Those of test processes that are gone are removed.
pub fn folder(prefix: &str, user: Option<(u32, u32)>) -> PathBuf {
    for entry in fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(prefix).and_then(|pid| pid.parse::<u32>().ok());
        if pid.is_some_and(|pid| !Path::new(&format!("/proc/{pid}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
    let folder = std::env::temp_dir().join(format!("{prefix}{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    own(&folder, user);
    folder
}

/// Gives a path to the server's user.
pub fn own(path: &Path, user: Option<(u32, u32)>) {
    if let Some((uid, gid)) = user {
        std::os::unix::fs::chown(path, Some(uid), Some(gid)).unwrap();
    }
}

pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Starts a server that ends with this process, its words in `folder/log`.
pub fn start(mut server: Command, folder: &Path) {
    let log = fs::File::create(folder.join("log")).unwrap();
    server.stdout(log.try_clone().unwrap()).stderr(log);
    // The server goes when the thread that started it goes, so that thread must live as long as the process.
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        unsafe {
            server.pre_exec(|| {
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGQUIT);
                Ok(())
            });
        }
        sender.send(server.spawn().map(|_| ())).unwrap();
        loop {
            std::thread::park();
        }
    });
    receiver.recv().unwrap().unwrap();
}

/// Waits for a server until `probe` reaches it.
pub fn wait(name: &str, folder: &Path, probe: impl Fn() -> bool) {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(180);
    while !probe() {
        let log = || fs::read_to_string(folder.join("log")).unwrap_or_default();
        assert!(std::time::Instant::now() < deadline, "{name} does not start: {}", log());
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
}
