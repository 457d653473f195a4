//! Which member of a struct lies at an offset: the walk behind every access through a typed pointer.

use std::ops::ControlFlow;

use super::Btf;
use super::types::{BtfType, Member};
use crate::ids::BtfId;

/// Members that one walk looks at before it gives up. Real types need a few hundred; unions nested by a hostile object
/// could ask for exponentially many.
const WALK_BUDGET: u32 = 1 << 16;

/// Structs inside each other on the way to a value; twice what validation allows, for a split BTF and its base.
const MAX_PATH: usize = 64;

/// One step of a walk: member number `member` of `owner`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct FieldStep {
    /// A STRUCT or UNION, modifiers skipped.
    pub owner: BtfId,
    /// Index of the member.
    pub member: u32,
}

/// Bits of a bitfield.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BitRange {
    /// First bit, counted from the start of the outermost struct.
    pub start: u32,
    /// Number of bits.
    pub len: u32,
}

/// How a member of an array was reached.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Extent {
    /// Within the struct's size.
    Inside,
    /// In the flexible array at its end: how long that is, only the host knows.
    Flexible,
}

/// Whether a union was entered on the way.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Overlay {
    /// The bytes have this one meaning.
    Unique,
    /// They lie in a union, and may be something else.
    Union,
}

/// A value that contains an access in full: a number, pointer, enum or bitfield, or an element of an array of them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Field {
    /// From the outermost struct inwards; never empty.
    pub path: Vec<FieldStep>,
    /// Type of the value, with its modifiers.
    pub ty: BtfId,
    /// First byte, counted from the start of the outermost struct.
    pub offset: u32,
    /// Bytes of the value.
    pub size: u32,
    /// Its bits, if it is a bitfield.
    pub bits: Option<BitRange>,
    /// In a flexible array?
    pub extent: Extent,
    /// In a union?
    pub overlay: Overlay,
}

/// Why no single value contains an access.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WalkError {
    /// The type is no struct or union, or has no size.
    NotAStruct,
    /// The access ends after the struct.
    OutOfBounds {
        /// Bytes of the struct.
        size: u32,
    },
    /// The access begins in padding between members.
    Padding,
    /// The access begins in `field` but ends after it.
    Straddles {
        /// The value that it begins in.
        field: Field,
    },
    /// The type is too entangled to walk.
    Entangled,
}

impl Btf {
    /// The first value of the STRUCT or UNION `owner` that contains bytes `offset..offset + size`.
    ///
    /// # Errors
    /// No single value does.
    pub fn field_at(&self, owner: BtfId, offset: u32, size: u32) -> Result<Field, WalkError> {
        let mut found = None;
        self.visit_fields(owner, offset, size, &mut |field| {
            found = Some(field);
            ControlFlow::Break(())
        })?;
        found.ok_or(WalkError::Padding)
    }

    /// Every value of `owner` that contains the bytes; more than one only in a union. Never empty.
    ///
    /// # Errors
    /// No single value does.
    pub fn fields_at(&self, owner: BtfId, offset: u32, size: u32) -> Result<Vec<Field>, WalkError> {
        let mut found = Vec::new();
        self.visit_fields(owner, offset, size, &mut |field| {
            found.push(field);
            ControlFlow::Continue(())
        })?;
        if found.is_empty() { Err(WalkError::Padding) } else { Ok(found) }
    }

    /// Every STRUCT and UNION that begins `offset` bytes into `owner`, outermost first: `owner` itself at 0, members
    /// that are structs, and their first members. A pointer to these bytes may be used as a pointer to any of them.
    pub fn objects_at(&self, owner: BtfId, offset: u32) -> Vec<BtfId> {
        let owner = self.skip_modifiers(owner);
        let mut found = Vec::new();
        if self.members(owner).is_none() {
            return found;
        }
        if offset == 0 {
            found.push(owner);
        }
        let mut budget = WALK_BUDGET;
        let mut pending = vec![(owner, offset)];
        while let Some((id, offset)) = pending.pop() {
            let mut inner = Vec::new();
            for member in self.members(id).unwrap_or_default() {
                if budget == 0 {
                    return found;
                }
                budget -= 1;
                let Some((ty, inside)) = self.struct_inside(member, offset) else { continue };
                if inside == 0 && !found.contains(&ty) {
                    found.push(ty);
                }
                inner.push((ty, inside));
            }
            pending.extend(inner.into_iter().rev());
        }
        found
    }

    /// The struct (or element of an array of structs) in a member that covers an offset, and the offset in it.
    fn struct_inside(&self, member: &Member, offset: u32) -> Option<(BtfId, u32)> {
        let inside = offset.checked_sub(member.bit_offset / 8)?;
        if inside >= self.size_of(member.ty)? {
            return None;
        }
        let ty = self.skip_arrays(member.ty);
        let element = self.size_of(ty)?;
        self.members(ty).map(|_| (ty, inside % element.max(1)))
    }

    fn visit_fields(
        &self,
        owner: BtfId,
        offset: u32,
        size: u32,
        visit: &mut dyn FnMut(Field) -> ControlFlow<()>,
    ) -> Result<(), WalkError> {
        let owner = self.skip_modifiers(owner);
        let (Some(members), Some(bytes)) = (self.members(owner), self.size_of(owner)) else {
            return Err(WalkError::NotAStruct);
        };
        let end = offset.checked_add(size).ok_or(WalkError::OutOfBounds { size: bytes })?;
        let mut walk = Walk {
            btf: self,
            start: offset,
            end,
            path: Vec::new(),
            straddled: None,
            hits: 0,
            budget: WALK_BUDGET,
            visit,
        };
        let place = Place { base: 0, extent: Extent::Inside, overlay: Overlay::Unique };
        let flow = if end <= bytes {
            walk.members(owner, place)
        } else {
            let last = self.flexible_array(members, offset).ok_or(WalkError::OutOfBounds { size: bytes })?;
            let member = u32::try_from(members.len() - 1).unwrap_or(u32::MAX);
            walk.path.push(FieldStep { owner, member });
            walk.element(last.ty, Place { base: last.bit_offset / 8, extent: Extent::Flexible, ..place })
        };
        if let ControlFlow::Break(Some(error)) = flow {
            return Err(error);
        }
        match (walk.hits, walk.straddled) {
            (0, Some(field)) => Err(WalkError::Straddles { field }),
            (0, None) => Err(WalkError::Padding),
            (1.., _) => Ok(()),
        }
    }

    /// The array without a length at the end of a struct, if an offset lies in it.
    fn flexible_array<'a>(&self, members: &'a [Member], offset: u32) -> Option<&'a Member> {
        let last = members.last()?;
        let BtfType::Array(array) = self.resolve(last.ty) else { return None };
        (array.count == 0 && offset >= last.bit_offset / 8).then_some(last)
    }
}

/// Where a type stands in the outermost struct.
#[derive(Clone, Copy)]
struct Place {
    base: u32,
    extent: Extent,
    overlay: Overlay,
}

struct Walk<'a> {
    btf: &'a Btf,
    /// Bytes of the access.
    start: u32,
    end: u32,
    path: Vec<FieldStep>,
    straddled: Option<Field>,
    hits: u32,
    budget: u32,
    visit: &'a mut dyn FnMut(Field) -> ControlFlow<()>,
}

/// Broken off with `None` when the visitor has seen enough.
type Flow = ControlFlow<Option<WalkError>>;

impl Walk<'_> {
    fn members(&mut self, owner: BtfId, place: Place) -> Flow {
        let btf = self.btf;
        let is_union = matches!(btf.resolve(owner), BtfType::Union { .. });
        let overlay = if is_union { Overlay::Union } else { place.overlay };
        for (index, member) in btf.members(owner).unwrap_or_default().iter().enumerate() {
            if self.budget == 0 {
                return Flow::Break(Some(WalkError::Entangled));
            }
            self.budget -= 1;
            let Some(base) = place.base.checked_add(member.bit_offset / 8) else { continue };
            if !self.touches(place.base, base, member) {
                continue;
            }
            self.path.push(FieldStep { owner, member: u32::try_from(index).unwrap_or(u32::MAX) });
            let place = Place { base, overlay, ..place };
            if member.bitfield_bits != 0 {
                self.bitfield(member, place)?;
            } else {
                self.element(member.ty, place)?;
            }
            self.path.pop();
        }
        Flow::Continue(())
    }

    /// An ordinary member must hold the first byte; of a bitfield any bit will do, because compilers read its whole
    /// storage unit.
    fn touches(&self, owner_base: u32, base: u32, member: &Member) -> bool {
        if member.bitfield_bits == 0 {
            let size = self.btf.size_of(member.ty).unwrap_or(0);
            return base <= self.start && self.start - base < size;
        }
        let first = u64::from(owner_base) * 8 + u64::from(member.bit_offset);
        let end = first + u64::from(member.bitfield_bits);
        first < u64::from(self.end) * 8 && u64::from(self.start) * 8 < end
    }

    /// Descends through arrays to the element under the access, then into structs.
    fn element(&mut self, ty: BtfId, mut place: Place) -> Flow {
        let element = self.btf.skip_arrays(ty);
        let Some(size) = self.btf.size_of(element).filter(|&size| size != 0) else {
            return Flow::Continue(());
        };
        let inside = self.start.saturating_sub(place.base);
        place.base += inside - inside % size;
        if self.btf.members(element).is_none() {
            return self.hit(element, size, None, place);
        }
        if self.path.len() > MAX_PATH {
            return Flow::Break(Some(WalkError::Entangled));
        }
        self.members(element, place)
    }

    fn bitfield(&mut self, member: &Member, place: Place) -> Flow {
        let within = member.bit_offset % 8;
        let len = u32::from(member.bitfield_bits);
        let bits = BitRange { start: place.base.saturating_mul(8) + within, len };
        self.hit(member.ty, (within + len).div_ceil(8), Some(bits), place)
    }

    fn hit(&mut self, ty: BtfId, size: u32, bits: Option<BitRange>, place: Place) -> Flow {
        let Place { base: offset, extent, overlay } = place;
        let field = Field { path: self.path.clone(), ty, offset, size, bits, extent, overlay };
        let contains = offset <= self.start && u64::from(self.end) <= u64::from(offset) + u64::from(size);
        if contains || bits.is_some() {
            self.hits += 1;
            return (self.visit)(field).map_break(|()| None);
        }
        self.straddled.get_or_insert(field);
        Flow::Continue(())
    }
}
