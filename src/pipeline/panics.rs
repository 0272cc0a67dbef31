//! Panics in one record must not end the run.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

use super::sink::Buffers;

thread_local! {
    static GUARDED: Cell<bool> = const { Cell::new(false) };
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Does the work of one record. If it panics, what it wrote is taken back and the panic's message and place are
/// returned: make a bad row of them, and anew whatever state the record may have left half-changed. Calls
/// [`Buffers::relieve`] afterwards.
pub fn guard<B: Buffers, R>(out: &mut B, work: impl FnOnce(&mut B) -> R) -> Result<R, String> {
    out.mark();
    let result = catch(|| work(out));
    if result.is_err() {
        out.rewind();
    }
    out.relieve();
    result
}

/// Does some work; if it panics, returns the message and the place instead of printing them.
pub(super) fn catch<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    install_hook();
    let outer = GUARDED.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    GUARDED.set(outer);
    result.map_err(|payload| {
        let noted = LAST.take();
        noted.unwrap_or_else(|| message_of(&*payload))
    })
}

/// Panics inside of [`catch`] are noted, all others printed as before.
fn install_hook() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        let default = take_hook();
        set_hook(Box::new(move |info| {
            if !GUARDED.get() {
                return default(info);
            }
            let place = info.location().map(|at| format!(" ({}:{})", at.file(), at.line())).unwrap_or_default();
            LAST.set(Some(format!("{}{place}", message_of(info.payload()))));
        }));
    });
}

fn message_of(payload: &(dyn std::any::Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str)).unwrap_or("panicked").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_message_and_place() {
        assert_eq!(catch(|| 7), Ok(7));
        let message = catch(|| panic!("no {}", "luck")).unwrap_err();
        assert!(message.starts_with("no luck (") && message.contains("panics.rs:"), "{message}");
        let inner = catch(|| {
            let _ = catch(|| panic!("inner"));
            panic!("outer")
        });
        assert!(inner.unwrap_err().starts_with("outer ("));
    }
}
