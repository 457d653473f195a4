//! References and loans: what the program must give back, and what pointers hang on.
//!
//! | entry | begins | ends |
//! |---|---|---|
//! | owned | an acquiring call, or an owned context argument | a releasing call, or the proof that it was NULL |
//! | exclusive | entry, for a `&mut` context argument | never |
//! | lock | a call that takes a lock | the call that gives it back |
//! | loan | a call that returns a pointer tied to a `&mut` argument | any other use of the object it came from |
//! | iterator | its constructor | its destructor |
//! | interrupt state | the call that saves it | the call that restores it, in the reverse order |
//! | lent | a callback that is given something for its run | its return |

use opswap_bpf::proto::FieldKind;
use opswap_bpf::{BtfId, InsnIdx, MapId, RefId};

use super::reg::Identity;

/// Why an entry exists.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum RefKind {
    /// The program must release it.
    Owned,
    /// An exclusive context argument.
    Exclusive,
    /// An iterator on the stack, which the program must destroy.
    Iter,
    /// A saved interrupt state, which the program must restore.
    Irq,
    /// What a callback was given for its run.
    Lent,
    /// Borrowed through `&mut` from another entry.
    Loan {
        /// What it was borrowed from.
        from: RefId,
    },
    /// A lock that is held; pointers into what it protects hang on it.
    Lock(Lock),
}

/// What a special field lies in.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Home {
    /// A value of this map.
    Map(MapId),
    /// An allocated object of this struct of the program's BTF.
    Allocated(BtfId),
}

/// A lock that is held: there is at most one in a value.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Lock {
    /// Which of the kinds of lock.
    pub kind: FieldKind,
    /// What it lies in.
    pub home: Home,
    /// Which value or object of these.
    pub value: Identity,
}

/// A reference or loan.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Reference {
    /// Its id, unique on this path.
    pub id: RefId,
    /// Why it exists.
    pub kind: RefKind,
    /// The instruction where it began.
    pub at: InsnIdx,
    /// Number of the frame that acquired it.
    pub frame: u8,
    /// The context argument that it came with, if it did.
    pub arg: Option<u8>,
}

impl Reference {
    /// Whether the program must give something back: a reference, or an iterator.
    pub fn is_owned(&self) -> bool {
        match self.kind {
            RefKind::Owned | RefKind::Iter => true,
            RefKind::Exclusive | RefKind::Irq | RefKind::Lent | RefKind::Loan { .. } | RefKind::Lock(_) => {
                false
            }
        }
    }
}

/// Every live reference and loan, in the order of their beginning.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RefTable {
    live: Vec<Reference>,
}

impl RefTable {
    /// Adds an entry.
    pub fn begin(&mut self, reference: Reference) {
        self.live.push(reference);
    }

    /// Removes an entry; says whether it was there.
    pub fn end(&mut self, id: RefId) -> bool {
        let before = self.live.len();
        self.live.retain(|reference| reference.id != id);
        self.live.len() != before
    }

    /// The entry with this id.
    pub fn get(&self, id: RefId) -> Option<&Reference> {
        self.live.iter().find(|reference| reference.id == id)
    }

    /// All entries.
    pub fn iter(&self) -> impl Iterator<Item = &Reference> {
        self.live.iter()
    }

    /// The first reference that the program still owns.
    pub fn leak(&self) -> Option<&Reference> {
        self.live.iter().find(|reference| reference.is_owned())
    }

    /// The interrupt state that was saved last and not yet restored.
    pub fn saved_irq(&self) -> Option<&Reference> {
        self.live.iter().rfind(|reference| reference.kind == RefKind::Irq)
    }

    /// The locks that are held, in the order in which they were taken.
    pub fn locks(&self) -> impl DoubleEndedIterator<Item = (RefId, Lock)> {
        self.live.iter().filter_map(|reference| match reference.kind {
            RefKind::Lock(lock) => Some((reference.id, lock)),
            RefKind::Owned
            | RefKind::Exclusive
            | RefKind::Iter
            | RefKind::Irq
            | RefKind::Lent
            | RefKind::Loan { .. } => None,
        })
    }

    /// The live reference or loan that came with context argument `arg`.
    pub fn of_argument(&self, arg: u8) -> Option<&Reference> {
        self.live.iter().find(|reference| reference.arg == Some(arg))
    }

    /// The exclusive context arguments.
    pub fn exclusive_arguments(&self) -> Vec<RefId> {
        let is_one = |live: &&Reference| live.kind == RefKind::Exclusive && live.arg.is_some();
        self.live.iter().filter(is_one).map(|live| live.id).collect()
    }

    /// The object that a loan was taken from, at the end of the chain.
    pub fn origin(&self, id: RefId) -> RefId {
        let mut at = id;
        // A chain is no longer than the table; a loan's source began before it.
        for _ in 0..self.live.len() {
            match self.get(at).map(|reference| reference.kind) {
                Some(RefKind::Loan { from }) => at = from,
                Some(
                    RefKind::Owned
                    | RefKind::Exclusive
                    | RefKind::Iter
                    | RefKind::Irq
                    | RefKind::Lent
                    | RefKind::Lock(_),
                )
                | None => break,
            }
        }
        at
    }

    /// Whether `id` is `ancestor`, or was borrowed from it.
    pub fn descends(&self, id: RefId, ancestor: RefId) -> bool {
        let mut at = id;
        for _ in 0..=self.live.len() {
            if at == ancestor {
                return true;
            }
            match self.get(at).map(|reference| reference.kind) {
                Some(RefKind::Loan { from }) => at = from,
                Some(
                    RefKind::Owned
                    | RefKind::Exclusive
                    | RefKind::Iter
                    | RefKind::Irq
                    | RefKind::Lent
                    | RefKind::Lock(_),
                )
                | None => return false,
            }
        }
        false
    }

    /// The loans that were taken from `id`, directly or through others.
    pub fn loans_of(&self, id: RefId) -> Vec<RefId> {
        self.live
            .iter()
            .filter(|reference| reference.id != id && self.descends(reference.id, id))
            .map(|reference| reference.id)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loans_are_found_through_chains() {
        let mut refs = RefTable::default();
        let entry = |id, kind| Reference { id: RefId(id), kind, at: InsnIdx(0), frame: 0, arg: None };
        refs.begin(entry(1, RefKind::Exclusive));
        refs.begin(entry(2, RefKind::Loan { from: RefId(1) }));
        refs.begin(entry(3, RefKind::Loan { from: RefId(2) }));
        refs.begin(entry(4, RefKind::Owned));
        assert_eq!(refs.loans_of(RefId(1)), [RefId(2), RefId(3)]);
        assert_eq!(refs.origin(RefId(3)), RefId(1));
        assert_eq!(refs.leak().map(|leak| leak.id), Some(RefId(4)));
        assert!(refs.end(RefId(4)) && !refs.end(RefId(4)));
    }
}
