//! [`Held`]: a value that states share.
//!
//! Values are never changed, only replaced. They lie in blocks, so that one allocation serves many and a copied state counts
//! references instead of copying values. A block goes when its last value is dropped.

use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use super::RegState;

/// Values of one block.
const BLOCK: usize = 32;

type Block = [OnceCell<RegState>; BLOCK];

/// The block that is being filled.
struct Filling {
    block: Rc<Block>,
    next: usize,
}

thread_local! {
    static FILLING: RefCell<Option<Filling>> = const { RefCell::new(None) };
}

/// What a register or a stack slot holds. Nothing is allocated for what was never written.
#[derive(Clone, Default)]
pub struct Held(Option<Place>);

#[derive(Clone)]
struct Place {
    block: Rc<Block>,
    at: u8,
}

impl Place {
    /// Puts a value into the block that is being filled, or into a new one.
    fn new(value: RegState) -> Self {
        FILLING.with_borrow_mut(|filling| {
            if let Some(Filling { block, next }) = filling
                && let Some(cell) = block.get(*next)
                && cell.set(value).is_ok()
                && let Ok(at) = u8::try_from(*next)
            {
                *next += 1;
                return Self { block: Rc::clone(block), at };
            }
            let block = Rc::new([const { OnceCell::new() }; BLOCK]);
            // It is empty.
            let _ = block[0].set(value);
            *filling = Some(Filling { block: Rc::clone(&block), next: 1 });
            Self { block, at: 0 }
        })
    }
}

impl Held {
    /// Nothing that may be read.
    pub const NOT_INIT: Self = Self(None);

    /// This value.
    pub fn new(value: RegState) -> Self {
        match value {
            RegState::NotInit => Self::NOT_INIT,
            RegState::Scalar(_) | RegState::Pointer(_) => Self(Some(Place::new(value))),
        }
    }

    /// Whether both are one value in one place.
    pub fn same(&self, other: &Self) -> bool {
        match (&self.0, &other.0) {
            (Some(one), Some(other)) => one.at == other.at && Rc::ptr_eq(&one.block, &other.block),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        }
    }
}

impl Deref for Held {
    type Target = RegState;

    fn deref(&self) -> &RegState {
        let value = self.0.as_ref().and_then(|place| place.block.get(usize::from(place.at))?.get());
        value.unwrap_or(&RegState::NotInit)
    }
}

impl PartialEq for Held {
    fn eq(&self, other: &Self) -> bool {
        self.same(other) || **self == **other
    }
}

impl Eq for Held {}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_what_they_were() {
        let mut held = Vec::new();
        for number in 0..200 {
            held.push(Held::new(RegState::constant(number)));
            if number % 3 == 0 {
                held.push(Held::NOT_INIT);
            }
        }
        let copies = held.clone();
        held.retain(|value| value.is_null());
        let numbers = copies.iter().filter_map(|copy| copy.as_scalar()?.as_constant());
        assert!(numbers.eq(0..200));
        assert!(copies[0].same(&held[0]) && !copies[0].same(&copies[2]));
        assert_eq!(*copies[1], RegState::NotInit);
    }
}
