//! What the host remembers of a run beside its memory: objects that its functions keep on the program's stack, and sections.

use std::collections::BTreeMap;

use opswap_bpf::proto::{DynptrMemory, IrqClass};
use opswap_bpf::{BtfId, TypeRef};

/// An object on a stack, as its owner knows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Kept {
    Iter(Iter),
    Dynptr(Dynptr),
    /// A saved interrupt state, and the number of the saving call.
    Irq {
        class: IrqClass,
        serial: u64,
    },
}

/// An iterator.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Iter {
    pub(crate) ty: TypeRef,
    /// Elements to come.
    pub(crate) left: u32,
    /// Whether it said that there are no more.
    pub(crate) drained: bool,
    /// Blocks that it lent to the program.
    pub(crate) lent: Vec<u64>,
    /// The RCU section without which it must not be used.
    pub(crate) section: Option<u64>,
}

/// A dynptr.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Dynptr {
    pub(crate) memory: DynptrMemory,
    /// Address and bytes of its memory, if it has any.
    pub(crate) target: Option<(u64, u32)>,
    /// Copies share it.
    pub(crate) group: u64,
    /// The record that it owns, or the object that it hangs on.
    pub(crate) owner: Option<u64>,
    /// Slices of it.
    pub(crate) views: Vec<u64>,
}

/// Where RCU protects what maps owned.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Protected {
    /// In sections.
    #[default]
    InSections,
    /// Everywhere: the program never sleeps.
    Always,
}

/// Everything of that kind.
#[derive(Default)]
pub(crate) struct Ledger {
    /// By address, with their bytes.
    objects: BTreeMap<u64, (u32, Kept)>,
    /// Iterators that cannot be destroyed any more.
    pub(crate) lost: usize,
    /// Saving calls whose states were not restored yet.
    pub(crate) saved: Vec<u64>,
    /// Where RCU protects what maps owned.
    pub(crate) protected: Protected,
    /// The RCU section at hand.
    pub(crate) section: Option<u64>,
    /// Blocks that live until it ends.
    pub(crate) guarded: Vec<u64>,
    /// How often preemption was switched off.
    pub(crate) preempt: u32,
    /// The lock that is held.
    pub(crate) lock: Option<u64>,
    /// Where maps own objects, and of which struct of the program, if of one.
    pub(crate) kptrs: Vec<(u64, Option<BtfId>)>,
    last: u64,
}

impl Ledger {
    pub(crate) fn serial(&mut self) -> u64 {
        self.last += 1;
        self.last
    }

    /// Whether an object has bytes among these.
    pub(crate) fn meets(&self, from: u64, to: u64) -> bool {
        self.first(from, to).is_some()
    }

    fn first(&self, from: u64, to: u64) -> Option<u64> {
        let mut below = self.objects.range(..to).rev().take(1);
        below.find(|(at, (bytes, _))| *at + u64::from(*bytes) > from).map(|(at, _)| *at)
    }

    /// The bytes `from..to` are overwritten, or are gone: so are the objects there. Slices that are left.
    pub(crate) fn disturb(&mut self, from: u64, to: u64) -> Vec<u64> {
        let mut views = Vec::new();
        while let Some(at) = self.first(from, to) {
            match self.remove(at) {
                Some(Kept::Iter(_)) => self.lost += 1,
                Some(Kept::Dynptr(dynptr)) => views.extend(dynptr.views),
                Some(Kept::Irq { .. }) | None => {}
            }
        }
        views
    }

    /// Dynptrs that end; slices that are left.
    pub(crate) fn end_dynptrs(&mut self, ends: impl Fn(&Dynptr) -> bool) -> Vec<u64> {
        let mut views = Vec::new();
        self.objects.retain(|_, (_, kept)| match kept {
            Kept::Dynptr(dynptr) if ends(dynptr) => {
                views.append(&mut dynptr.views);
                false
            }
            Kept::Dynptr(_) | Kept::Iter(_) | Kept::Irq { .. } => true,
        });
        views
    }

    pub(crate) fn keep(&mut self, at: u64, bytes: u32, kept: Kept) {
        self.objects.insert(at, (bytes, kept));
    }

    pub(crate) fn at(&self, at: u64) -> Option<&Kept> {
        self.objects.get(&at).map(|(_, kept)| kept)
    }

    pub(crate) fn at_mut(&mut self, at: u64) -> Option<&mut Kept> {
        self.objects.get_mut(&at).map(|(_, kept)| kept)
    }

    pub(crate) fn remove(&mut self, at: u64) -> Option<Kept> {
        self.objects.remove(&at).map(|(_, kept)| kept)
    }

    /// How many iterators live.
    pub(crate) fn iterators(&self) -> usize {
        self.objects.values().filter(|(_, kept)| matches!(kept, Kept::Iter(_))).count()
    }

    /// What a run must not leave behind.
    pub(crate) fn left(&self) -> Option<String> {
        let must = |kept: &Kept| !matches!(kept, Kept::Dynptr(_));
        if let Some((_, kept)) = self.objects.values().find(|(_, kept)| must(kept)) {
            return Some(format!("{kept:?}"));
        }
        let clean = self.lost == 0
            && self.lock.is_none()
            && self.saved.is_empty()
            && self.section.is_none()
            && self.preempt == 0;
        (!clean).then(|| {
            let Self { lost, saved, section, preempt, lock, .. } = self;
            format!(
                "{lost} lost, {} saved, section {section:?}, preemption {preempt}, lock {lock:?}",
                saved.len()
            )
        })
    }
}
