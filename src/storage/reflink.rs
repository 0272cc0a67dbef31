//! Copies that share their blocks with the original until one of them is changed (btrfs, XFS, bcachefs).

use std::fs::File;
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether a file system refused: most cannot, and there is no point in asking for every file.
static REFUSED: AtomicBool = AtomicBool::new(false);

/// Whether [`reflink`] may succeed.
pub(super) fn worth_trying() -> bool {
    !REFUSED.load(Ordering::Relaxed)
}

/// Makes `target`, an empty file, a copy of `source`; `false` if the file system cannot.
pub(super) fn reflink(source: &File, target: &File) -> bool {
    // SAFETY: both descriptors are open for the length of the call, and the call touches no memory of ours.
    let cloned = unsafe { libc::ioctl(target.as_raw_fd(), libc::FICLONE as _, source.as_raw_fd()) == 0 };
    if !cloned {
        REFUSED.store(true, Ordering::Relaxed);
    }
    cloned
}
