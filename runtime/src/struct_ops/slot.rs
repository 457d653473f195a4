//! [`Slot`]: where a host calls operations, whoever implements them at the moment.
//!
//! The current version is one atomic pointer. Readers protect it with a hazard before they use it; writers swap it and retire the
//! old one. Everything else (who holds the slot, callbacks of the table's type) happens beside that pointer and never on a call.

use std::fmt;
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::ThreadId;

use super::hazard;
use super::pin::PinGuard;
use super::table::{StructOps, StructOpsType};
use super::version::{Calls, Retired, Version, VersionRecord};
use crate::error::AttachError;

/// A place in the host where a table of operations is called.
///
/// It starts with a native implementation and falls back to it whenever no object is attached, an attached object does not
/// provide an operation, or its program failed. Clones are the same slot.
pub struct Slot<T: StructOpsType> {
    pub(super) inner: Arc<SlotInner<T>>,
}

pub(super) struct SlotInner<T> {
    pub(super) core: SlotCore,
    pub(super) native: T,
}

impl<T: StructOps> Slot<T> {
    /// A slot with its native implementation.
    pub fn new(default: T) -> Self {
        Self { inner: Arc::new(SlotInner { core: SlotCore::new(), native: default }) }
    }

    /// Holds the slot at its current version: all calls through the result go to that version, whatever is attached meanwhile.
    /// Keep it for as short a time as the calls take.
    #[inline(always)]
    pub fn pin(&self) -> T::Pinned<'_> {
        T::pinned(PinGuard::new(&self.inner))
    }

    /// The slot's native implementation.
    pub fn native(&self) -> &T {
        &self.inner.native
    }

    /// What is attached at the moment.
    pub fn attached(&self) -> VersionRecord {
        self.inner.core.share_current().record()
    }

    /// Calls of all versions together, the default's included. Exact when no call is in flight and no pin is held.
    pub fn calls(&self) -> Calls {
        self.inner.core.calls()
    }
}

impl<T: StructOpsType> Clone for Slot<T> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<T: StructOpsType> fmt::Debug for Slot<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let attached = self.inner.core.share_current().record();
        f.debug_struct("Slot").field("type", &T::DECL.name).field("attached", &attached.name()).finish()
    }
}

impl<T> fmt::Debug for SlotInner<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SlotInner").field("core", &self.core).finish_non_exhaustive()
    }
}

/// Number of a link, unique in its slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct LinkId(u64);

/// Who holds the slot.
#[derive(Debug)]
enum Holder {
    /// The default answers and nobody holds it.
    Nobody,
    /// This link, with the version that is current.
    Link(LinkId),
    /// This link, whose version failed: the default answers.
    Ejected(LinkId, Arc<Version>),
}

#[derive(Debug)]
struct State {
    /// INVARIANT 1: what `SlotCore::current` points to.
    current: Arc<Version>,
    holder: Holder,
    next_link: u64,
}

/// The part of a slot that does not depend on its type.
#[derive(Debug)]
pub(super) struct SlotCore {
    /// INVARIANT 2: points to `state.current`, and is changed only while `state` is locked; a version that it pointed to goes
    /// to `hazard::retire`.
    current: AtomicPtr<Version>,
    default: Arc<Version>,
    retired: Arc<Retired>,
    state: Mutex<State>,
    lifecycle: Lifecycle,
    swaps: AtomicU64,
}

impl SlotCore {
    fn new() -> Self {
        let retired = Arc::<Retired>::default();
        let default = Arc::new(Version::native(Arc::clone(&retired)));
        Self {
            current: AtomicPtr::new(Arc::as_ptr(&default).cast_mut()),
            state: Mutex::new(State { current: Arc::clone(&default), holder: Holder::Nobody, next_link: 0 }),
            default,
            retired,
            lifecycle: Lifecycle::default(),
            swaps: AtomicU64::new(0),
        }
    }

    #[inline]
    pub(super) fn current(&self) -> &AtomicPtr<Version> {
        &self.current
    }

    /// A reference to the current version.
    pub(super) fn share_current(&self) -> Arc<Version> {
        Arc::clone(&self.state().current)
    }

    pub(super) fn new_version(&self, image: Arc<super::image::Image>) -> Arc<Version> {
        Arc::new(Version::of_image(image, Arc::clone(&self.retired)))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // No host code runs while it is held, so it cannot be left half changed.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn calls(&self) -> Calls {
        hazard::collect();
        let current = self.share_current();
        let mut sum = self.retired.sum() + self.default.calls();
        if !Arc::ptr_eq(&current, &self.default) {
            sum = sum + current.calls();
        }
        sum
    }

    /// Makes `next` current and gives the old version, which the caller retires once `state` is unlocked.
    fn exchange(&self, state: &mut State, next: Arc<Version>) -> Arc<Version> {
        self.current.store(Arc::as_ptr(&next).cast_mut(), Ordering::Release);
        self.swaps.fetch_add(1, Ordering::Relaxed);
        std::mem::replace(&mut state.current, next)
    }

    fn retire(&self, old: Arc<Version>) {
        // The default is never freed while the slot lives.
        if !Arc::ptr_eq(&old, &self.default) {
            hazard::retire(old);
        }
    }

    /// Takes a failed version out of the slot, if it is still in it.
    pub(super) fn eject(&self, failed: &Version) {
        let mut state = self.state();
        let Holder::Link(link) = state.holder else { return };
        if !std::ptr::eq(Arc::as_ptr(&state.current), failed) {
            return;
        }
        let old = self.exchange(&mut state, Arc::clone(&self.default));
        state.holder = Holder::Ejected(link, Arc::clone(&old));
        drop(state);
        self.retire(old);
    }

    /// Attaches `next` for a new link.
    pub(super) fn attach(&self, next: Arc<Version>) -> Result<LinkId, AttachError> {
        let mut state = self.state();
        match &state.holder {
            Holder::Nobody => {}
            Holder::Link(_) => return Err(occupied(&state.current)),
            Holder::Ejected(_, failed) => return Err(occupied(failed)),
        }
        let link = LinkId(state.next_link);
        state.next_link += 1;
        state.holder = Holder::Link(link);
        let old = self.exchange(&mut state, next);
        drop(state);
        self.retire(old);
        Ok(link)
    }

    /// Whether a new link may attach now.
    pub(super) fn vacant(&self) -> Result<(), AttachError> {
        let state = self.state();
        match &state.holder {
            Holder::Nobody => Ok(()),
            Holder::Link(_) => Err(occupied(&state.current)),
            Holder::Ejected(_, failed) => Err(occupied(failed)),
        }
    }

    /// The version that `link` holds.
    pub(super) fn held_by(&self, link: LinkId) -> Result<Arc<Version>, AttachError> {
        let state = self.state();
        match &state.holder {
            Holder::Link(id) if *id == link => Ok(Arc::clone(&state.current)),
            Holder::Ejected(id, failed) if *id == link => Err(ejected(failed)),
            Holder::Nobody | Holder::Link(_) | Holder::Ejected(..) => Err(AttachError::Detached),
        }
    }

    /// The version that `link` holds or held when it was ejected.
    pub(super) fn last_of(&self, link: LinkId) -> Option<Arc<Version>> {
        let state = self.state();
        match &state.holder {
            Holder::Link(id) if *id == link => Some(Arc::clone(&state.current)),
            Holder::Ejected(id, failed) if *id == link => Some(Arc::clone(failed)),
            Holder::Nobody | Holder::Link(_) | Holder::Ejected(..) => None,
        }
    }

    /// Exchanges the version of `link`, if it is still `expected`.
    pub(super) fn update(
        &self,
        link: LinkId,
        expected: &Arc<Version>,
        next: Arc<Version>,
    ) -> Result<(), AttachError> {
        let mut state = self.state();
        match &state.holder {
            Holder::Link(id) if *id == link && Arc::ptr_eq(&state.current, expected) => {}
            Holder::Ejected(id, failed) if *id == link => return Err(ejected(failed)),
            Holder::Nobody | Holder::Link(_) | Holder::Ejected(..) => return Err(AttachError::Detached),
        }
        let old = self.exchange(&mut state, next);
        drop(state);
        self.retire(old);
        Ok(())
    }

    /// Takes `link` out of the slot. The version that it held, if it still held it or was ejected.
    pub(super) fn detach(&self, link: LinkId) -> Option<Arc<Version>> {
        let mut state = self.state();
        match &state.holder {
            Holder::Link(id) if *id == link => {
                state.holder = Holder::Nobody;
                let old = self.exchange(&mut state, Arc::clone(&self.default));
                drop(state);
                self.retire(Arc::clone(&old));
                Some(old)
            }
            Holder::Ejected(id, failed) if *id == link => {
                let failed = Arc::clone(failed);
                state.holder = Holder::Nobody;
                Some(failed)
            }
            Holder::Nobody | Holder::Link(_) | Holder::Ejected(..) => None,
        }
    }

    /// The turn of the calling thread to change who is attached.
    pub(super) fn turn(&self) -> Result<Turn<'_>, AttachError> {
        self.lifecycle.enter()
    }
}

fn occupied(version: &Version) -> AttachError {
    AttachError::Occupied {
        holder: version.image().map_or_else(String::new, |image| image.name().to_owned()),
    }
}

fn ejected(version: &Version) -> AttachError {
    version.fault().map_or(AttachError::Detached, |fault| AttachError::Ejected { fault })
}

/// One thread at a time attaches, updates or detaches, callbacks included; the same thread twice is an error, not a deadlock.
#[derive(Debug, Default)]
struct Lifecycle {
    owner: Mutex<Option<ThreadId>>,
    left: Condvar,
}

impl Lifecycle {
    fn enter(&self) -> Result<Turn<'_>, AttachError> {
        let me = std::thread::current().id();
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match *owner {
                None => break,
                Some(other) if other == me => return Err(AttachError::Reentered),
                Some(_) => owner = self.left.wait(owner).unwrap_or_else(PoisonError::into_inner),
            }
        }
        *owner = Some(me);
        Ok(Turn { lifecycle: self })
    }
}

/// The right to change who is attached, until dropped.
#[derive(Debug)]
pub(super) struct Turn<'s> {
    lifecycle: &'s Lifecycle,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.lifecycle.owner.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.lifecycle.left.notify_one();
    }
}
