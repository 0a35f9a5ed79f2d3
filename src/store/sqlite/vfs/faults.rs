//! Faults that tests plan for files of a path: the next calls fail as on a broken disk.

use std::collections::HashMap;
use std::ffi::c_int;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use rusqlite::ffi;

static PLANS: Mutex<Option<HashMap<PathBuf, Plan>>> = Mutex::new(None);

/// How many of the next calls on a file fail.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(in crate::store::sqlite) struct Plan {
    /// Calls that go well before the first one fails.
    pub(in crate::store::sqlite) spared: u32,
    /// Syncs, of a file or of a folder.
    pub(in crate::store::sqlite) syncs: u32,
    /// Writes.
    pub(in crate::store::sqlite) writes: u32,
}

/// Plans faults for the file or folder at `path`; the former plan for it is gone.
pub(in crate::store::sqlite) fn plan(path: &Path, plan: Plan) {
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    plans.get_or_insert_default().insert(path.to_owned(), plan);
}

/// What is left of the plan for `path`.
pub(in crate::store::sqlite) fn left(path: &Path) -> Plan {
    let plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    plans.as_ref().and_then(|plans| plans.get(path)).copied().unwrap_or_default()
}

pub(super) fn of_sync(path: &Path) -> Option<c_int> {
    take(path, |plan| &mut plan.syncs, ffi::SQLITE_IOERR_FSYNC)
}

pub(super) fn of_write(path: &Path) -> Option<c_int> {
    take(path, |plan| &mut plan.writes, ffi::SQLITE_IOERR_WRITE)
}

fn take(path: &Path, count: fn(&mut Plan) -> &mut u32, code: c_int) -> Option<c_int> {
    let mut plans = PLANS.lock().unwrap_or_else(PoisonError::into_inner);
    let plan = plans.as_mut()?.get_mut(path)?;
    if *count(plan) == 0 {
        return None;
    }
    if plan.spared > 0 {
        plan.spared -= 1;
        return None;
    }
    *count(plan) -= 1;
    Some(code)
}
