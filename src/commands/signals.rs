//! Ctrl-C: stop cleanly. A second one: stop at once.

use std::io::Write;

use super::Exit;
use crate::pipeline::Cancel;

/// A wish to stop that SIGINT and SIGTERM set.
pub fn cancel_on_signal() -> Cancel {
    let cancel = Cancel::default();
    let wanted = cancel.clone();
    let listener = std::thread::Builder::new().name("signals".into()).spawn(move || listen(&wanted));
    if let Err(error) = listener {
        tracing::warn!(%error, "signals end the process at once");
    }
    cancel
}

fn listen(cancel: &Cancel) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let Ok(runtime) = runtime else {
        tracing::warn!("signals end the process at once");
        return;
    };
    runtime.block_on(async {
        if next_signal().await {
            cancel.set();
            let _ = writeln!(std::io::stderr(), "interrupted: finishing up; once more to stop at once");
        }
        if next_signal().await {
            std::process::exit(Exit::Interrupted as i32);
        }
    });
}

/// Waits; `false` if no signal can be waited for.
#[cfg(unix)]
async fn next_signal() -> bool {
    use tokio::signal::unix::{SignalKind, signal};
    let (Ok(mut interrupt), Ok(mut terminate)) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        return false;
    };
    tokio::select! {
        received = interrupt.recv() => received.is_some(),
        received = terminate.recv() => received.is_some(),
    }
}

/// Waits; `false` if no signal can be waited for.
#[cfg(not(unix))]
async fn next_signal() -> bool {
    tokio::signal::ctrl_c().await.is_ok()
}
