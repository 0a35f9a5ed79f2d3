//! What a server does at regular times: it removes people by the vault's policy, and cuts old audit entries.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::{JoinHandle, spawn_blocking};

use crate::progress::Step;
use crate::vault::Vault;

/// How often.
const EVERY: Duration = Duration::from_secs(3_600);

/// The work, at the start and then once an hour. Dropping this ends it, between two persons if it is under way.
pub(super) struct Retention {
    task: JoinHandle<()>,
    is_ended: Arc<AtomicBool>,
}

impl Retention {
    /// Begins; it has to be called within a runtime.
    pub(super) fn start(vault: Vault) -> Self {
        let is_ended = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&is_ended);
        let task = tokio::spawn(async move {
            loop {
                let (vault, asked) = (vault.clone(), Arc::clone(&asked));
                // After a panic the next round is tried all the same.
                let _ = spawn_blocking(move || carry_out(&vault, &asked)).await;
                tokio::time::sleep(EVERY).await;
            }
        });
        Self { task, is_ended }
    }
}

impl Drop for Retention {
    fn drop(&mut self) {
        self.is_ended.store(true, Ordering::Relaxed);
        self.task.abort();
    }
}

fn carry_out(vault: &Vault, is_ended: &AtomicBool) {
    let mut progress = |_: Step<'_>| match is_ended.load(Ordering::Relaxed) {
        true => ControlFlow::Break(()),
        false => ControlFlow::Continue(()),
    };
    match vault.carry_out_retention(&mut progress) {
        Ok(0) => {}
        Ok(people) => tracing::info!(people, "people whose time had come were removed"),
        Err(error) => tracing::warn!(%error, "people whose time has come cannot be removed now"),
    }
}
