//! [`AttachPoint`]: a module's slot as the application sees it. Slots, hazards and callbacks are the module's code, so everything
//! goes through a virtual call, returns nothing that points into the module, and does not unwind out of it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::error::ModuleError;
use super::loaded::{Hold, Loaded};
use crate::object::Object;
use crate::struct_ops::{Calls, Link, Prepared, Slot, StructOps, collect_versions};

/// A slot of a module.
#[doc(hidden)]
pub trait AttachPoint: Send + Sync {
    /// The type of its tables.
    fn table(&self) -> &str;

    /// Attaches the object's table with this name.
    ///
    /// # Errors
    /// What is wrong, as text: errors may hold constants of the module.
    fn attach(&self, object: &Object, name: &str) -> Result<Box<dyn AttachedLink>, String>;
}

/// A link to a slot of a module.
#[doc(hidden)]
pub trait AttachedLink: Send + Sync {
    /// Restores the slot's default.
    fn detach(&self);
    /// Whether it answers the slot's calls.
    fn is_attached(&self) -> bool;
    /// Its calls.
    fn calls(&self) -> Calls;
}

/// A handle to a slot.
#[doc(hidden)]
pub fn attach_point<T: StructOps>(slot: &Slot<T>) -> Arc<dyn AttachPoint> {
    Arc::new(slot.clone())
}

/// An error with what it came from, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    match error.source() {
        Some(source) => format!("{error}: {}", chain(source)),
        None => error.to_string(),
    }
}

impl<T: StructOps> AttachPoint for Slot<T> {
    fn table(&self) -> &str {
        T::DECL.name
    }

    fn attach(&self, object: &Object, name: &str) -> Result<Box<dyn AttachedLink>, String> {
        let attached = catch_unwind(AssertUnwindSafe(|| {
            let prepared = object.struct_ops::<T>(name).map_err(|error| chain(&error))?;
            let link = Prepared::attach(&prepared, self).map_err(|error| chain(&error))?;
            Ok(Box::new(link) as Box<dyn AttachedLink>)
        }));
        attached.unwrap_or_else(|payload| {
            // A payload is the module's, and may panic when it is dropped.
            std::mem::forget(payload);
            Err("a callback of the table's type panicked".to_owned())
        })
    }
}

impl<T: StructOps> AttachedLink for Link<T> {
    fn detach(&self) {
        if let Err(payload) = catch_unwind(AssertUnwindSafe(|| Link::detach(self))) {
            std::mem::forget(payload);
        }
        // What nobody reads any more is freed now, so that it no longer holds its modules.
        collect_versions();
    }

    fn is_attached(&self) -> bool {
        Link::is_attached(self)
    }

    fn calls(&self) -> Calls {
        Link::calls(self)
    }
}

/// An attachment to a slot of a module. Dropping it restores the slot's default.
pub struct ModuleLink {
    link: Option<Box<dyn AttachedLink>>,
    table: String,
    /// Let go after the link.
    hold: Hold,
}

impl ModuleLink {
    /// The table in the object.
    pub fn name(&self) -> &str {
        &self.table
    }

    /// Restores the slot's default. A second time does nothing.
    pub fn detach(&self) {
        if let Some(link) = &self.link {
            link.detach();
        }
    }

    /// Whether the link's table answers the slot's calls.
    pub fn is_attached(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.is_attached())
    }

    /// Calls that the table answered.
    pub fn calls(&self) -> Calls {
        self.link.as_ref().map(|link| link.calls()).unwrap_or_default()
    }
}

impl Drop for ModuleLink {
    fn drop(&mut self) {
        if let Some(link) = self.link.take() {
            // Before the link's own drop, which must find nothing left to do that could unwind.
            link.detach();
            drop(link);
        }
    }
}

impl std::fmt::Debug for ModuleLink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModuleLink")
            .field("table", &self.table)
            .field("hold", &self.hold)
            .finish_non_exhaustive()
    }
}

/// Attaches a table of `object` to the slot of `module` that takes tables of its type.
pub(super) fn attach(
    module: &Arc<Loaded>,
    hold: Hold,
    object: &Object,
    table: &str,
) -> Result<ModuleLink, ModuleError> {
    let name = || module.name.clone();
    let failed = |reason| ModuleError::Attach { name: name(), table: table.to_owned(), reason };
    let image = object.table(table).ok_or_else(|| failed("the object has no such table".to_owned()))?;
    let ty = &image.proto.name;
    if !image.hold.holds(module) {
        // Its programs may get code of the module, which only tables of the module keep loaded.
        return Err(failed(format!("its type `{ty}` is not the module's")));
    }
    let slots = module.slots();
    let slot = slots.iter().find(|slot| slot.table() == *ty).ok_or_else(|| {
        let has = slots.iter().map(|slot| slot.table().to_owned()).collect();
        ModuleError::NoSlot { name: name(), table: ty.clone(), has }
    })?;
    let link = slot.attach(object, table).map_err(failed)?;
    Ok(ModuleLink { link: Some(link), table: table.to_owned(), hold })
}
