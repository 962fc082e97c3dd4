//! Hears when somebody wants the program to end, so that it can end in order.

use rightful_core::Result;

use crate::output;

/// Told when somebody wants the program to end.
pub fn signal() -> Result<tokio::sync::mpsc::Receiver<()>> {
    let failed = |error| output::io_error("signals cannot be waited for", error);
    let (tell, told) = tokio::sync::mpsc::channel(1);
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        tokio::spawn(async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            // Nobody waits any more: the program ends anyway.
            let _ = tell.send(()).await;
        });
    }
    #[cfg(not(unix))]
    {
        let _ = failed;
        tokio::spawn(async move {
            let _ = tokio::signal::ctrl_c().await;
            let _ = tell.send(()).await;
        });
    }
    Ok(told)
}
