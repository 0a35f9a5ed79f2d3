//! The table of open handles.
//!
//! What C holds is the key of an entry, made to look like a pointer. So nothing is read through a handle, and one that
//! is closed, is of another kind or was made up is found out. A key is never given twice.

use std::collections::HashMap;
use std::ffi::CString;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use facevault_bindings::facevault::{Engine, Error, ErrorKind, Result, Rule, Vault};

use crate::types::{facevault_engine, facevault_error, facevault_status, facevault_vault};

/// An error, with its texts as C reads them.
pub(crate) struct ErrorText {
    pub(crate) status: facevault_status,
    pub(crate) kind: CString,
    pub(crate) message: CString,
    pub(crate) json: CString,
}

/// What a handle stands for.
#[derive(Clone)]
pub(crate) enum Object {
    Engine(Engine),
    Vault(Vault),
    Error(Arc<ErrorText>),
}

struct Table {
    next: usize,
    objects: HashMap<usize, Object>,
}

/// Keys grow by this much, so those between are free for what has no entry. They are never addresses that a debugger or a checker takes for valid ones by chance.
const STRIDE: usize = 16;

static TABLE: LazyLock<RwLock<Table>> = LazyLock::new(|| RwLock::new(Table { next: STRIDE, objects: HashMap::new() }));

/// A kind of handle.
pub(crate) trait Handle: Sized {
    /// What it stands for.
    type Value;
    /// Its name in errors, which is that of the argument too.
    const NAME: &'static str;
    /// The value, if the object is of this kind.
    fn value(object: &Object) -> Option<Self::Value>;
}

impl Handle for facevault_engine {
    type Value = Engine;
    const NAME: &'static str = "engine";

    fn value(object: &Object) -> Option<Engine> {
        match object {
            Object::Engine(engine) => Some(engine.clone()),
            _ => None,
        }
    }
}

impl Handle for facevault_vault {
    type Value = Vault;
    const NAME: &'static str = "vault";

    fn value(object: &Object) -> Option<Vault> {
        match object {
            Object::Vault(vault) => Some(vault.clone()),
            _ => None,
        }
    }
}

impl Handle for facevault_error {
    type Value = Arc<ErrorText>;
    const NAME: &'static str = "error";

    fn value(object: &Object) -> Option<Arc<ErrorText>> {
        match object {
            Object::Error(error) => Some(error.clone()),
            _ => None,
        }
    }
}

/// A handle of a new entry.
pub(crate) fn insert<H: Handle>(object: Object) -> Result<*mut H> {
    let mut table = TABLE.write().unwrap_or_else(PoisonError::into_inner);
    let key = table.next;
    table.next = key
        .checked_add(STRIDE)
        .ok_or_else(|| Error::new(ErrorKind::Runtime, "this process has opened as many handles as there can be"))?;
    table.objects.insert(key, object);
    Ok(std::ptr::without_provenance_mut(key))
}

/// What a handle stands for. It stays alive for as long as the caller holds it.
pub(crate) fn find<H: Handle>(handle: *const H) -> Result<H::Value> {
    let wrong = |rule: &str| Err(Error::invalid(H::NAME, Rule::Other(rule.to_owned())));
    if handle.is_null() {
        return wrong("must not be NULL");
    }
    let table = TABLE.read().unwrap_or_else(PoisonError::into_inner);
    match table.objects.get(&handle.addr()) {
        None => wrong("must be an open handle; this one is closed, or never was one"),
        Some(object) => match H::value(object) {
            Some(value) => Ok(value),
            None => wrong("must be a handle of this kind; this one is of another kind"),
        },
    }
}

/// Closes a handle: its entry is gone when this returns, and what it stands for as soon as no call uses it.
pub(crate) fn close<H: Handle>(handle: *mut H) -> facevault_status {
    if handle.is_null() {
        return facevault_status::FACEVAULT_OK;
    }
    if find(handle).is_err() {
        return facevault_status::FACEVAULT_INVALID;
    }
    // Another thread may have been faster. The object is dropped outside the lock: a vault may have to finish work.
    let removed = TABLE.write().unwrap_or_else(PoisonError::into_inner).objects.remove(&handle.addr());
    let Some(object) = removed else { return facevault_status::FACEVAULT_INVALID };
    match catch_unwind(AssertUnwindSafe(|| drop(object))) {
        Ok(()) => facevault_status::FACEVAULT_OK,
        Err(_) => facevault_status::FACEVAULT_RUNTIME,
    }
}
