//! [`Prepared`]: a table that is ready, and [`Link`]: its attachment to a slot.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::image::Image;
use super::slot::{LinkId, Slot, SlotInner};
use super::table::{StructOps, StructOpsType, TableView};
use super::version::{Calls, VersionRecord};
use crate::error::{AttachError, RunError};
use crate::loader::LinkKind;

/// A table of an object, verified and compiled, not yet visible to the host. Can be attached any number of times.
pub struct Prepared<T: StructOpsType> {
    pub(super) image: Arc<Image>,
    _table: PhantomData<fn() -> T>,
}

impl<T: StructOps> Prepared<T> {
    pub(crate) fn new(image: Arc<Image>) -> Self {
        Self { image, _table: PhantomData }
    }

    /// Name of the table's variable in the object.
    pub fn name(&self) -> &str {
        self.image.name()
    }

    /// What the object filled in.
    pub fn table(&self) -> TableView<'_> {
        self.image.view()
    }

    /// Makes the table answer the slot's calls, until the link is detached or dropped.
    ///
    /// # Errors
    /// Another link holds the slot, or the type's `reg` refused. The slot is then as before.
    pub fn attach(&self, slot: &Slot<T>) -> Result<Link<T>, AttachError> {
        let core = &slot.inner.core;
        let _turn = core.turn()?;
        core.vacant()?;
        T::reg(&self.image.view()).map_err(|refusal| refused("reg", &refusal))?;
        // We hold the turn, so the slot is still vacant.
        let id = core.attach(core.new_version(Arc::clone(&self.image)))?;
        Ok(Link { slot: Arc::clone(&slot.inner), id })
    }
}

impl<T: StructOpsType> Clone for Prepared<T> {
    fn clone(&self) -> Self {
        Self { image: Arc::clone(&self.image), _table: PhantomData }
    }
}

impl<T: StructOpsType> fmt::Debug for Prepared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Prepared").field("type", &T::DECL.name).field("name", &self.image.name()).finish()
    }
}

/// An attachment. Dropping it restores the slot's default; calls in flight finish on what they began with.
pub struct Link<T: StructOps> {
    slot: Arc<SlotInner<T>>,
    id: LinkId,
}

impl<T: StructOps> Link<T> {
    /// Exchanges the table atomically: each call is answered by the old one or by `next`. The record of the old one comes back.
    ///
    /// # Errors
    /// The link is detached or ejected, a table is not made for links (`.struct_ops` instead of `.struct_ops.link`), or the
    /// type's `update` refused. The old table then stays.
    pub fn update(&self, next: &Prepared<T>) -> Result<VersionRecord, AttachError> {
        self.exchange(None, next)
    }

    /// Like [`update`](Self::update), provided that `expected` is attached.
    ///
    /// # Errors
    /// As for `update`; or another table is attached.
    pub fn update_if(
        &self,
        expected: &Prepared<T>,
        next: &Prepared<T>,
    ) -> Result<VersionRecord, AttachError> {
        self.exchange(Some(expected), next)
    }

    fn exchange(
        &self,
        expected: Option<&Prepared<T>>,
        next: &Prepared<T>,
    ) -> Result<VersionRecord, AttachError> {
        let core = &self.slot.core;
        let _turn = core.turn()?;
        let old = core.held_by(self.id)?;
        let image = old.image().ok_or(AttachError::Detached)?;
        if let Some(expected) = expected.filter(|expected| !Arc::ptr_eq(&expected.image, image)) {
            return Err(AttachError::Changed {
                expected: expected.name().to_owned(),
                found: image.name().to_owned(),
            });
        }
        for table in [image, &next.image] {
            if table.link == LinkKind::Map {
                return Err(AttachError::NotALink { name: table.name().to_owned() });
            }
        }
        T::update(&image.view(), &next.image.view()).map_err(|refusal| refused("update", &refusal))?;
        core.update(self.id, &old, core.new_version(Arc::clone(&next.image)))?;
        Ok(old.record())
    }

    /// Restores the slot's default. A second time does nothing.
    ///
    /// The record of what was attached comes back, if there was something.
    pub fn detach(&self) -> Option<VersionRecord> {
        let core = &self.slot.core;
        // From within a callback of the same slot we have the turn already.
        let _turn = core.turn().ok();
        let old = core.detach(self.id)?;
        if let Some(image) = old.image() {
            T::unreg(&image.view());
        }
        Some(old.record())
    }

    /// Whether the link's table answers the slot's calls: neither detached nor ejected.
    pub fn is_attached(&self) -> bool {
        self.slot.core.held_by(self.id).is_ok()
    }

    /// Why the link's table was ejected; `None` while it is attached, and once it is detached.
    pub fn fault(&self) -> Option<Arc<RunError>> {
        self.slot.core.last_of(self.id)?.fault()
    }

    /// The version that is attached, or was when it was ejected; `None` once detached.
    pub fn version(&self) -> Option<VersionRecord> {
        Some(self.slot.core.last_of(self.id)?.record())
    }

    /// Calls of the version that is attached, or was when it was ejected.
    pub fn calls(&self) -> Calls {
        self.slot.core.last_of(self.id).map(|version| version.calls()).unwrap_or_default()
    }
}

impl<T: StructOps> Drop for Link<T> {
    fn drop(&mut self) {
        self.detach();
    }
}

impl<T: StructOps> fmt::Debug for Link<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").field("type", &T::DECL.name).field("version", &self.version()).finish()
    }
}

fn refused(callback: &'static str, refusal: &super::table::Refusal) -> AttachError {
    AttachError::Refused { callback, reason: refusal.reason().to_owned() }
}
