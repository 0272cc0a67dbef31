//! Local files and folders.

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use tempfile::NamedTempFile;

use super::names::TEMPORARY_PREFIX;
use super::{Location, Names, ObjectMeta, ObjectStore, ObjectWriter, Precondition, StorageError, Written};

/// Files below any path. Folders are walked in byte order of the relative path, so that a local copy of a bucket lists
/// like the bucket.
#[derive(Clone, Copy, Debug, Default)]
pub struct LocalStore;

impl ObjectStore for LocalStore {
    fn list(&self, at: &Location, names: Names, visit: &mut dyn FnMut(ObjectMeta) -> bool) -> Result<(), StorageError> {
        let path = local_path(at)?;
        let metadata = fs::metadata(path).map_err(|error| StorageError::from_io(at, error))?;
        if metadata.is_dir() {
            Walk { names, visit, ancestors: Vec::new() }.folder(path, "").map(|_| ())
        } else {
            visit(describe(path.to_owned(), file_name(path), &metadata));
            Ok(())
        }
    }

    fn folders(&self, at: &Location) -> Result<Vec<String>, StorageError> {
        let entries = sorted_entries(local_path(at)?).map_err(|error| StorageError::from_io(at, error))?;
        let folders = entries.into_iter().filter(|entry| entry.metadata.is_dir());
        Ok(folders.map(|entry| entry.name.trim_end_matches('/').to_owned()).collect())
    }

    fn head(&self, at: &Location) -> Result<Option<ObjectMeta>, StorageError> {
        let path = local_path(at)?;
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => Ok(None),
            Ok(metadata) => Ok(Some(describe(path.to_owned(), file_name(path), &metadata))),
            Err(error) if is_absent(&error) => Ok(None),
            Err(error) => Err(StorageError::from_io(at, error)),
        }
    }

    fn open(&self, object: &ObjectMeta) -> Result<Box<dyn Read + Send>, StorageError> {
        let path = local_path(&object.location)?;
        let file = File::open(path).map_err(|error| StorageError::from_io(&object.location, error))?;
        Ok(Box::new(file))
    }

    fn open_range(&self, object: &ObjectMeta, range: Range<u64>) -> Result<Box<dyn Read + Send>, StorageError> {
        let path = local_path(&object.location)?;
        let failed = |error| StorageError::from_io(&object.location, error);
        let mut file = File::open(path).map_err(failed)?;
        file.seek(SeekFrom::Start(range.start)).map_err(failed)?;
        Ok(Box::new(file.take(range.end.saturating_sub(range.start))))
    }

    fn create(
        &self,
        at: &Location,
        precondition: Precondition,
        _expected_size: u64,
    ) -> Result<Box<dyn ObjectWriter>, StorageError> {
        Ok(Box::new(LocalWriter::create(at, &precondition)?))
    }

    /// A file system that shares blocks between files makes the copy; the bytes are read for their checksum only.
    #[cfg(target_os = "linux")]
    fn copy(&self, source: &ObjectMeta, target: &Location) -> Result<Option<Written>, StorageError> {
        if source.size == 0 || !super::reflink::worth_trying() {
            return Ok(None);
        }
        let failed = |error| StorageError::from_io(&source.location, error);
        let from = File::open(local_path(&source.location)?).map_err(failed)?;
        if from.metadata().map_err(failed)?.len() != source.size {
            return Err(StorageError::PreconditionFailed { location: source.location.clone() });
        }
        let mut writer = LocalWriter::create(target, &Precondition::None)?;
        if !super::reflink::reflink(&from, writer.file.get_ref().as_file()) {
            return Ok(None);
        }
        let mut copied =
            File::open(writer.file.get_ref().path()).map_err(|error| StorageError::from_io(target, error))?;
        let mut buffer = vec![0; WRITE_BUFFER];
        loop {
            match copied.read(&mut buffer).map_err(|error| StorageError::from_io(target, error))? {
                0 => break,
                count => {
                    writer.crc = crc32c::crc32c_append(writer.crc, &buffer[..count]);
                    writer.size += count as u64;
                }
            }
        }
        if writer.size != source.size {
            return Err(StorageError::PreconditionFailed { location: source.location.clone() });
        }
        Box::new(writer).finish().map(Some)
    }

    fn delete_listed(&self, object: &ObjectMeta) -> Result<(), StorageError> {
        match self.head(&object.location)? {
            Some(now) if now.size == object.size && now.modified == object.modified => {
                self.delete(&object.location, None)
            }
            Some(_) => Err(StorageError::PreconditionFailed { location: object.location.clone() }),
            None => Ok(()),
        }
    }

    fn delete(&self, at: &Location, etag: Option<&str>) -> Result<(), StorageError> {
        if etag.is_some() {
            return Err(no_entity_tags(at));
        }
        match fs::remove_file(local_path(at)?) {
            Err(error) if !is_absent(&error) => Err(StorageError::from_io(at, error)),
            _ => Ok(()),
        }
    }
}

const WRITE_BUFFER: usize = 256 << 10;

struct Walk<'v> {
    names: Names,
    visit: &'v mut dyn FnMut(ObjectMeta) -> bool,
    /// Folders above the current one with links resolved, to notice links that lead back up.
    ancestors: Vec<PathBuf>,
}

impl Walk<'_> {
    /// Returns `false` once the visitor has had enough.
    fn folder(&mut self, path: &Path, relative: &str) -> Result<bool, StorageError> {
        let at = Location::Local(path.to_owned());
        let failed = |error| StorageError::from_io(&at, error);
        let resolved = path.canonicalize().map_err(failed)?;
        if self.ancestors.contains(&resolved) {
            return Err(StorageError::failed(&at, "a symbolic link leads back to a folder above it"));
        }
        self.ancestors.push(resolved);
        for entry in sorted_entries(path).map_err(failed)? {
            let below = if relative.is_empty() { entry.name } else { format!("{relative}/{}", entry.name) };
            let more = if entry.metadata.is_dir() {
                self.folder(&entry.path, below.trim_end_matches('/'))?
            } else if !entry.metadata.is_file() {
                tracing::warn!(path = %entry.path.display(), "passed over: neither a file nor a folder");
                true
            } else if self.names.include(&below, entry.metadata.len()) {
                (self.visit)(describe(entry.path, below, &entry.metadata))
            } else {
                true
            };
            if !more {
                return Ok(false);
            }
        }
        self.ancestors.pop();
        Ok(true)
    }
}

struct Entry {
    /// Name, with a slash at the end for folders: `a.b` comes before what is in `a/`, as it does in a bucket.
    name: String,
    path: PathBuf,
    metadata: fs::Metadata,
}

fn sorted_entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        let mut name = entry.file_name().to_string_lossy().into_owned();
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            // Gone since the folder was read: nothing was lost. A link to nowhere is another matter.
            Err(_) if fs::symlink_metadata(&path).is_err_and(|error| is_absent(&error)) => continue,
            Err(_) if super::names::is_hidden(&name) => continue,
            Err(error) => return Err(io::Error::other(format!("{name}: {error}"))),
        };
        if metadata.is_dir() {
            name.push('/');
        }
        entries.push(Entry { name, path, metadata });
    }
    entries.sort_unstable_by(|left, right| left.name.cmp(&right.name).then_with(|| left.path.cmp(&right.path)));
    Ok(entries)
}

fn describe(path: PathBuf, relative: String, metadata: &fs::Metadata) -> ObjectMeta {
    let modified = metadata.modified().ok().map(|time| match time.duration_since(UNIX_EPOCH) {
        Ok(after) => after.as_millis() as i64,
        Err(before) => -(before.duration().as_millis() as i64),
    });
    ObjectMeta { location: Location::Local(path), relative, size: metadata.len(), etag: None, modified }
}

fn local_path(at: &Location) -> Result<&Path, StorageError> {
    match at {
        Location::Local(path) => Ok(path),
        _ => Err(StorageError::failed(at, "is not a local path")),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

fn is_absent(error: &io::Error) -> bool {
    // A file in the place of a folder means that nothing can be below it.
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

fn no_entity_tags(at: &Location) -> StorageError {
    StorageError::failed(at, "entity tags exist only on S3")
}

fn parent_folder(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Creates the folder and those above it; each new one is made durable in its parent.
fn create_folders(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = parent_folder(folder);
    if parent != folder && parent != Path::new(".") {
        create_folders(parent)?;
    }
    match fs::create_dir(folder) {
        // Someone else was faster; that is as good.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => sync_folder(parent),
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        // Some network file systems cannot sync a folder; they make renames durable by themselves or not at all.
        Err(error) if matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOTSUP)) => Ok(()),
        other => other,
    }
}

#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

struct LocalWriter {
    file: BufWriter<NamedTempFile>,
    target: PathBuf,
    only_if_absent: bool,
    size: u64,
    crc: u32,
}

impl Write for LocalWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.crc = crc32c::crc32c_append(self.crc, &bytes[..written]);
        self.size += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl LocalWriter {
    fn create(at: &Location, precondition: &Precondition) -> Result<LocalWriter, StorageError> {
        let path = local_path(at)?;
        let failed = |error| StorageError::from_io(at, error);
        if matches!(precondition, Precondition::Etag(_)) {
            return Err(no_entity_tags(at));
        }
        let only_if_absent = *precondition == Precondition::Absent;
        match fs::symlink_metadata(path) {
            Ok(_) if only_if_absent => {
                return Err(StorageError::PreconditionFailed { location: at.clone() });
            }
            Ok(_) if fs::metadata(path).is_ok_and(|metadata| !metadata.is_file()) => {
                return Err(StorageError::failed(at, "exists and is not a regular file"));
            }
            _ => {}
        }
        let folder = parent_folder(path);
        create_folders(folder).map_err(failed)?;
        let mut builder = tempfile::Builder::new();
        builder.prefix(TEMPORARY_PREFIX).suffix(".tmp");
        #[cfg(unix)]
        {
            // tempfile makes private files by default; data files follow the umask like everyone's.
            use std::os::unix::fs::PermissionsExt;
            builder.permissions(fs::Permissions::from_mode(0o666));
        }
        let file = BufWriter::with_capacity(WRITE_BUFFER, builder.tempfile_in(folder).map_err(failed)?);
        Ok(LocalWriter { file, target: path.to_owned(), only_if_absent, size: 0, crc: 0 })
    }

    fn publish(self) -> io::Result<Written> {
        let temporary = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        temporary.as_file().sync_all()?;
        if self.only_if_absent {
            temporary.persist_noclobber(&self.target)?;
        } else {
            temporary.persist(&self.target)?;
        }
        sync_folder(parent_folder(&self.target))?;
        Ok(Written { size: self.size, crc32c: Some(self.crc), etag: None })
    }
}

impl ObjectWriter for LocalWriter {
    fn finish(self: Box<Self>) -> Result<Written, StorageError> {
        let at = Location::Local(self.target.clone());
        self.publish().map_err(|error| StorageError::from_io(&at, error))
    }
}
