//! The functions that congestion control programs may call. Their Rust signatures are the contract that the verifier enforces.

use opswap::{Errno, KRef, kfunc};

use crate::flow::{Flow, Note, Path};

/// The flow's path; NULL if the host keeps none. Give it back with cong_path_put.
#[kfunc(acquire, ret_null)]
pub fn cong_path_get(flow: &Flow) -> Option<KRef<Path>> {
    flow.path.clone()
}

/// Gives a path back.
#[kfunc(release)]
pub fn cong_path_put(path: KRef<Path>) {
    drop(path);
}

/// Remembers a loss at this window.
#[kfunc]
pub fn cong_path_record_loss(path: &Path, window: u32) {
    path.record_loss(window);
}

/// Writes a line into the flow's journal; a negative errno if it is full.
#[kfunc]
pub fn cong_note(flow: &Flow, text: &[u8]) -> Result<u32, Errno> {
    let note = Note { at_us: flow.now_us, cwnd: flow.cwnd, text: String::from_utf8_lossy(text).into_owned() };
    match flow.journal.lock() {
        Ok(mut journal) => journal.add(note).map(|()| text.len() as u32).map_err(|_full| Errno::ENOSPC),
        Err(_poisoned) => Err(Errno::EIO),
    }
}
