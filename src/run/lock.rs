//! Locks: objects that appear only if they were absent, numbered so that taking over a dead process's lock is as atomic
//! as taking a free one.

use std::fs;

use serde::{Deserialize, Serialize};

use super::journal::read_json;
use super::{LOCK_PREFIX, RunError, utc_text};
use crate::storage::{Location, Precondition, Storage, StorageError};

/// The process that holds a lock.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Holder {
    pub host: String,
    pub pid: u32,
    /// What makes the process id unique: the machine's boot, the namespace, the process's start in clock ticks.
    pub boot: String,
    pub namespace: String,
    pub process_started: String,
    pub since: i64,
    pub command: String,
}

/// What is known of a holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Alive,
    Dead,
    /// It runs, or ran, where this process cannot look.
    Unknown,
}

impl Holder {
    /// This process.
    pub(super) fn me(command: &str, since: i64) -> Holder {
        Holder::of(std::process::id(), command, since)
    }

    /// Another process of this machine, in whose name a lock is taken.
    fn of(pid: u32, command: &str, since: i64) -> Holder {
        Holder {
            host: read_text("/proc/sys/kernel/hostname"),
            pid,
            boot: read_text("/proc/sys/kernel/random/boot_id"),
            namespace: fs::read_link("/proc/self/ns/pid").map(|link| link.display().to_string()).unwrap_or_default(),
            process_started: start_ticks(pid).unwrap_or_default(),
            since,
            command: command.to_owned(),
        }
    }

    /// Whether the holder still runs, as seen by the process `me`.
    pub(super) fn life(&self, me: &Holder) -> Life {
        if self.host.is_empty() || self.host != me.host || self.boot.is_empty() {
            return Life::Unknown;
        }
        if self.boot != me.boot {
            return Life::Dead;
        }
        if self.namespace != me.namespace || self.process_started.is_empty() {
            return Life::Unknown;
        }
        match start_ticks(self.pid) {
            Some(started) if started == self.process_started => Life::Alive,
            _ => Life::Dead,
        }
    }

    fn describe(&self) -> String {
        let since = utc_text(self.since, "%Y-%m-%d %H:%M:%S UTC");
        format!("`thresh {}`, process {} on {} since {since}", self.command, self.pid, self.host)
    }
}

fn read_text(path: &str) -> String {
    fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default()
}

/// Field 22 of `/proc/PID/stat`, unless the process is a zombie; the name before it is in parentheses and may hold
/// anything.
fn start_ticks(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18).map(str::to_owned)
}

/// A lock that this process holds; released when dropped.
pub(super) struct Lock {
    storage: Storage,
    location: Location,
}

impl Lock {
    /// Leaves the lock where it is when this process ends: its holder is another one.
    fn keep(self) {
        std::mem::forget(self);
    }
}

/// Takes the lock of a folder in the name of another process of this machine, which keeps it until [`release`].
pub fn claim(storage: &Storage, folder: &Location, pid: u32, purpose: &str) -> Result<(), RunError> {
    if let Some(file) = storage.head(folder)? {
        let holder = "a file in the place of the lock's folder, by another program".to_owned();
        return Err(RunError::Locked { location: file.location, holder });
    }
    acquire(storage, folder, &Holder::of(pid, purpose, super::now_millis())).map(Lock::keep)
}

/// Gives back what [`claim`] took for the same process; what others hold stays.
pub fn release(storage: &Storage, folder: &Location, pid: u32) -> Result<(), RunError> {
    let holder = Holder::of(pid, "", 0);
    for number in lock_numbers(storage, folder)? {
        let location = lock_location(folder, number);
        let found = read_json::<Holder>(storage, &location)?;
        if found.is_some_and(|found| Holder { since: 0, command: String::new(), ..found } == holder) {
            storage.delete(&location, None)?;
        }
    }
    Ok(())
}

/// Removes the lock of a folder, whoever holds it; who that was.
pub fn break_lock(storage: &Storage, folder: &Location) -> Result<Vec<String>, RunError> {
    let mut holders = Vec::new();
    for number in lock_numbers(storage, folder)? {
        let location = lock_location(folder, number);
        // Whatever is in it: an operator says that it must go.
        let holder = read_json::<Holder>(storage, &location).ok().flatten();
        holders.push(holder.map_or_else(|| location.to_string(), |holder| holder.describe()));
        storage.delete(&location, None)?;
    }
    Ok(holders)
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Err(error) = self.storage.delete(&self.location, None) {
            tracing::warn!(lock = %self.location, %error, "the lock could not be released");
        }
    }
}

/// Locks a folder. A dead holder is replaced; a living one, or one that cannot be seen, is [`RunError::Locked`].
pub(super) fn acquire(storage: &Storage, folder: &Location, me: &Holder) -> Result<Lock, RunError> {
    // A holder that lets go between listing and reading makes another look necessary.
    for _ in 0..10 {
        let numbers = lock_numbers(storage, folder)?;
        let next = match numbers.last() {
            None => 1,
            Some(&number) => {
                let location = lock_location(folder, number);
                let Some(holder) = read_json::<Holder>(storage, &location)? else { continue };
                if holder.life(me) != Life::Dead {
                    return Err(RunError::Locked { location, holder: holder.describe() });
                }
                tracing::warn!(holder = %holder.describe(), "taking over the lock of a process that is gone");
                number + 1
            }
        };
        let location = lock_location(folder, next);
        let text = serde_json::to_vec_pretty(me).expect("plain fields");
        match storage.write_all(&location, &text, Precondition::Absent) {
            Ok(_) => {}
            Err(StorageError::PreconditionFailed { .. }) => continue,
            Err(error) => return Err(error.into()),
        }
        for number in numbers {
            storage.delete(&lock_location(folder, number), None)?;
        }
        return Ok(Lock { storage: storage.clone(), location });
    }
    Err(RunError::Locked { location: folder.clone(), holder: "processes that come and go".to_owned() })
}

/// Removes the locks of processes that are gone.
pub(super) fn clear_dead(storage: &Storage, folder: &Location, me: &Holder) -> Result<(), RunError> {
    for number in lock_numbers(storage, folder)? {
        let location = lock_location(folder, number);
        if read_json::<Holder>(storage, &location)?.is_some_and(|holder| holder.life(me) == Life::Dead) {
            storage.delete(&location, None)?;
        }
    }
    Ok(())
}

fn lock_location(folder: &Location, number: u64) -> Location {
    folder.join(&format!("{LOCK_PREFIX}{number}"))
}

/// The numbers of the locks there are, ascending.
fn lock_numbers(storage: &Storage, folder: &Location) -> Result<Vec<u64>, RunError> {
    let mut numbers = Vec::new();
    for object in storage.list_all(&folder.join(""))? {
        let number = object.relative.strip_prefix(LOCK_PREFIX).and_then(|number| number.parse::<u64>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_living_from_the_dead() {
        let me = Holder::me("enrich", 0);
        assert_eq!(me.life(&me), Life::Alive);
        let reused_pid = Holder { process_started: "1".into(), ..me.clone() };
        assert_eq!(reused_pid.life(&me), Life::Dead);
        let gone = Holder { pid: u32::MAX, ..me.clone() };
        assert_eq!(gone.life(&me), Life::Dead);
        let before_reboot = Holder { boot: "other".into(), ..me.clone() };
        assert_eq!(before_reboot.life(&me), Life::Dead);
        let other_host = Holder { host: "elsewhere".into(), ..me.clone() };
        assert_eq!(other_host.life(&me), Life::Unknown);
        let other_container = Holder { namespace: "pid:[1]".into(), ..me.clone() };
        assert_eq!(other_container.life(&me), Life::Unknown);
    }

    #[test]
    fn claims_for_another_process() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Location::Local(temporary.path().join("claim"));
        let storage = Storage::new(crate::storage::StorageOptions::default());
        let mut other = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        claim(&storage, &folder, other.id(), "etl-runner").unwrap();
        let refused = claim(&storage, &folder, std::process::id(), "etl-runner").unwrap_err().to_string();
        assert!(refused.contains(&format!("process {} on", other.id())), "{refused}");
        release(&storage, &folder, std::process::id()).unwrap();
        assert_eq!(lock_numbers(&storage, &folder).unwrap(), [1], "it is not ours");
        other.kill().unwrap();
        other.wait().unwrap();
        claim(&storage, &folder, std::process::id(), "etl-runner").unwrap();
        assert_eq!(lock_numbers(&storage, &folder).unwrap(), [2], "taken over from a process that is gone");
        assert!(break_lock(&storage, &folder).unwrap()[0].contains("etl-runner"));
        claim(&storage, &folder, std::process::id(), "etl-runner").unwrap();
        release(&storage, &folder, std::process::id()).unwrap();
        assert_eq!(lock_numbers(&storage, &folder).unwrap(), [0_u64; 0]);
        let file = temporary.path().join("lock-file");
        std::fs::write(&file, "4711").unwrap();
        let held = claim(&storage, &Location::Local(file), std::process::id(), "etl-runner");
        assert!(matches!(held, Err(RunError::Locked { .. })));
    }

    #[test]
    fn one_holder_at_a_time() {
        let temporary = tempfile::tempdir().unwrap();
        let folder = Location::Local(temporary.path().join("run=1"));
        let storage = Storage::new(crate::storage::StorageOptions::default());
        let me = Holder::me("enrich", 0);
        let held = acquire(&storage, &folder, &me).unwrap();
        assert!(matches!(acquire(&storage, &folder, &me), Err(RunError::Locked { .. })));
        drop(held);
        let dead = Holder { pid: u32::MAX, ..me.clone() };
        std::mem::forget(acquire(&storage, &folder, &dead).unwrap());
        clear_dead(&storage, &folder, &me).unwrap();
        assert_eq!(lock_numbers(&storage, &folder).unwrap(), [0_u64; 0]);
        std::mem::forget(acquire(&storage, &folder, &dead).unwrap());
        let taken = acquire(&storage, &folder, &me).unwrap();
        assert_eq!(lock_numbers(&storage, &folder).unwrap(), [2]);
        drop(taken);
        assert_eq!(lock_numbers(&storage, &folder).unwrap(), [0_u64; 0]);
    }
}
