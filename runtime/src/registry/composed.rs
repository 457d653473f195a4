//! [`Composed`]: the tags of arguments and results, each text composed once.

use std::hash::{BuildHasher, Hash};

use opswap_bpf::Text;
use opswap_bpf::btf::Signedness;
use opswap_bpf::hashed::{HashedMap, Keyed};
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{ArgKind, ArgProto, Demand, Nullness, RetKind, RetProto, RetTrust};

use super::tags::{arg_tag, ret_tag};

/// Something that a tag speaks of.
pub(super) trait Tagged {
    /// What its text depends on, and more.
    type Key: Clone + PartialEq + Hash;

    fn key(&self) -> Self::Key;

    fn is(&self, key: &Self::Key) -> bool;

    fn hash(&self, hasher: Keyed) -> u64;

    /// A small number of its own, for the few that nearly all signatures are made of.
    fn number(&self) -> Option<usize>;

    /// The text; `None` for kinds that only Linux's own functions have.
    fn compose(&self) -> Option<String>;
}

/// Texts that were composed.
#[derive(Debug)]
pub(super) struct Composed<K> {
    numbered: Vec<Option<Text>>,
    /// By hash, with what each stands for.
    others: HashedMap<(K, Option<Text>)>,
}

impl<K> Default for Composed<K> {
    fn default() -> Self {
        Self { numbered: Vec::new(), others: HashedMap::default() }
    }
}

impl<K> Composed<K> {
    /// The text of a tag.
    pub(super) fn text<T: Tagged<Key = K>>(&mut self, tagged: &T, hasher: Keyed) -> Option<Text> {
        if let Some(number) = tagged.number() {
            if let Some(Some(text)) = self.numbered.get(number) {
                return Some(text.clone());
            }
            let text = tagged.compose().map(Text::from);
            if self.numbered.len() <= number {
                self.numbered.resize(number + 1, None);
            }
            self.numbered[number].clone_from(&text);
            return text;
        }
        let hash = tagged.hash(hasher);
        if let Some((_, text)) = self.others.get(&hash).filter(|(key, _)| tagged.is(key)) {
            return text.clone();
        }
        let text = tagged.compose().map(Text::from);
        self.others.insert(hash, (tagged.key(), text.clone()));
        text
    }
}

fn null(null: Nullness) -> usize {
    match null {
        Nullness::NonNull => 0,
        Nullness::Nullable => 1,
    }
}

/// 0 to 7.
fn scalar(size: Size, signed: Signedness) -> usize {
    let size = match size {
        Size::B => 0,
        Size::H => 1,
        Size::W => 2,
        Size::DW => 3,
    };
    let signed = match signed {
        Signedness::Unsigned => 0,
        Signedness::Signed => 4,
    };
    size + signed
}

impl Tagged for ArgProto {
    type Key = (ArgKind, Nullness);

    fn key(&self) -> Self::Key {
        (self.kind.clone(), self.null)
    }

    fn is(&self, (kind, null): &Self::Key) -> bool {
        (&self.kind, self.null) == (kind, *null)
    }

    fn hash(&self, hasher: Keyed) -> u64 {
        hasher.hash_one((&self.kind, self.null))
    }

    fn number(&self) -> Option<usize> {
        let number = if let ArgKind::Scalar { size, signed } = &self.kind {
            scalar(*size, *signed)
        } else if let ArgKind::Object { demand, .. } = &self.kind {
            match demand {
                Demand::Trusted => 8,
                Demand::Rcu => 9,
                Demand::Exclusive => 10,
                Demand::Owned => 11,
                Demand::Untrusted => 12,
            }
        } else {
            return None;
        };
        Some(2 * number + null(self.null))
    }

    fn compose(&self) -> Option<String> {
        arg_tag(self)
    }
}

impl Tagged for RetProto {
    type Key = Self;

    fn key(&self) -> Self {
        self.clone()
    }

    fn is(&self, key: &Self) -> bool {
        self == key
    }

    fn hash(&self, hasher: Keyed) -> u64 {
        hasher.hash_one(self)
    }

    fn number(&self) -> Option<usize> {
        let number = if let RetKind::Scalar { size, signed } = &self.kind {
            scalar(*size, *signed)
        } else if let RetKind::Object { trust, .. } = &self.kind {
            match trust {
                RetTrust::Owned => 8,
                RetTrust::Trusted => 9,
                RetTrust::Rcu => 10,
                RetTrust::Untrusted => 11,
                RetTrust::Borrowed(arg) => 13 + usize::from(arg.0),
            }
        } else if self.kind == RetKind::Void {
            12
        } else {
            return None;
        };
        Some(2 * number + null(self.null))
    }

    fn compose(&self) -> Option<String> {
        ret_tag(self)
    }
}
