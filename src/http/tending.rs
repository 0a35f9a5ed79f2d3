//! What a server does for its vault while nobody asks for anything.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::app::App;
use crate::store::Erasure;

/// How often it looks.
const PAUSE: Duration = Duration::from_secs(1);

/// The most looks that it leaves out while somebody is in the way of erasing.
const LEFT_OUT: u32 = 15;

/// Once a second: notices that the vault's file was moved or replaced, and erases what was removed, by whichever
/// process, and is still in the log. Each attempt keeps writers waiting for up to 100 ms, so while a reader of an
/// old snapshot is in the way there are fewer.
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
