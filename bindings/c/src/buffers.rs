//! Buffers that C holds: facevault keeps their memory in a table, so that one that was freed is found out.

use std::collections::HashMap;
use std::ptr;
use std::sync::{LazyLock, Mutex, PoisonError};

use crate::types::{facevault_buffer, facevault_status};

/// A block of memory, aligned for numbers of any kind.
type Block = Vec<u128>;

static BLOCKS: LazyLock<Mutex<HashMap<usize, Block>>> = LazyLock::new(Mutex::default);

/// Gives bytes to C, with a zero byte behind them. Where there is no place for them, they are dropped.
///
/// # Safety
/// `to` is NULL or may be written.
pub(crate) unsafe fn give(to: *mut facevault_buffer, bytes: &[u8]) {
    if to.is_null() {
        return;
    }
    // One more byte than there are, rounded up.
    let mut block: Block = vec![0; bytes.len() / size_of::<u128>() + 1];
    let data: *mut u8 = block.as_mut_ptr().cast();
    // SAFETY: the block has room for the bytes, and nobody else knows it.
    unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), data, bytes.len()) };
    BLOCKS.lock().unwrap_or_else(PoisonError::into_inner).insert(data.addr(), block);
    // SAFETY: the caller's promise.
    unsafe { to.write(facevault_buffer { data: data.cast(), size: bytes.len() }) };
}

/// Empties a result before a call, so that it can be freed after one that failed.
///
/// # Safety
/// `to` is NULL or may be written.
pub(crate) unsafe fn clear(to: *mut facevault_buffer) {
    if !to.is_null() {
        // SAFETY: the caller's promise.
        unsafe { to.write(facevault_buffer { data: ptr::null_mut(), size: 0 }) };
    }
}

/// Frees what a buffer holds and empties it, so that it may be freed again. `FACEVAULT_INVALID` where its `data` is
/// nothing that facevault gave, or was freed through a copy of the buffer: then nothing happens.
///
/// # Safety
/// `buffer` is NULL or points to a buffer.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn facevault_buffer_free(buffer: *mut facevault_buffer) -> facevault_status {
    if buffer.is_null() {
        return facevault_status::FACEVAULT_OK;
    }
    // SAFETY: the caller's promise.
    let data = unsafe { (*buffer).data };
    if data.is_null() {
        return facevault_status::FACEVAULT_OK;
    }
    let block = BLOCKS.lock().unwrap_or_else(PoisonError::into_inner).remove(&data.addr());
    match block {
        Some(_) => {
            // SAFETY: the caller's promise.
            unsafe { clear(buffer) };
            facevault_status::FACEVAULT_OK
        }
        None => facevault_status::FACEVAULT_INVALID,
    }
}
