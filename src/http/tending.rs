//! What a server does for its vault besides answering requests.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::app::App;
use crate::store::Erasure;

/// The time between two checks.
const PAUSE: Duration = Duration::from_secs(1);

/// The most checks without an attempt to erase, while a reader of an older snapshot prevents it.
const LEFT_OUT: u32 = 15;

/// Once a second, checks whether the vault's file was moved or replaced, and erases what this or another process has
/// removed and what is still in the log. An attempt to erase may block writers for up to 100 ms, so while a reader of an
/// older snapshot prevents it, the attempts become rarer.
pub(super) async fn tend(app: App) {
    let mut ticks = interval(PAUSE);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut left_out, mut waiting) = (0, 0);
    loop {
        ticks.tick().await;
        let (app, is_due) = (app.clone(), waiting == 0);
        let Ok(erasure) = tokio::task::spawn_blocking(move || look(&app, is_due)).await else { continue };
        (left_out, waiting) = match erasure {
            None => (left_out, waiting - 1),
            Some(Erasure::Pending) => ((left_out * 2 + 1).min(LEFT_OUT), (left_out * 2 + 1).min(LEFT_OUT)),
            Some(_) => (0, 0),
        };
    }
}

fn look(app: &App, is_due: bool) -> Option<Erasure> {
    let placed = app.vault.require_in_place();
    let was_in_place = app.in_place.swap(placed.is_ok(), Ordering::Relaxed);
    if let Err(error) = placed
        && was_in_place
    {
        tracing::error!(%error, "the vault is out of its place");
    }
    if !is_due {
        return None;
    }
    match app.vault.finish_erasure() {
        Ok(erasure) => Some(erasure),
        Err(error) => {
            tracing::warn!(%error, "removed bytes stay in the write-ahead log for now");
            Some(Erasure::Pending)
        }
    }
}
