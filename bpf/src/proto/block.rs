//! The block of memory behind `R1` when a program with a structured context is run.
//!
//! Numbers lie where the layout says. A pointer needs eight bytes even where the layout gives its field four (`data` of
//! `struct __sk_buff`), so pointers lie behind the layout, in the order of their fields; engines execute loads of such fields
//! as loads from there ([`ContextLayout::pointer_slot`]). Linux does the same by rewriting context accesses.

use super::entry::{ContextField, ContextLayout, ContextValue};

/// Bytes of a pointer in the block.
const POINTER: u32 = 8;

impl ContextValue {
    /// Whether a read gives a pointer.
    pub fn is_pointer(&self) -> bool {
        match self {
            Self::Scalar { .. } => false,
            Self::Object { .. }
            | Self::Record { .. }
            | Self::Memory { .. }
            | Self::PacketStart
            | Self::PacketMeta
            | Self::PacketEnd => true,
        }
    }
}

impl ContextLayout {
    /// Bytes of the block.
    pub fn block_bytes(&self) -> u32 {
        match self {
            Self::None => 0,
            Self::Args(args) => POINTER * u32::try_from(args.len()).unwrap_or(u32::MAX / POINTER),
            Self::Memory { size, .. } | Self::Buffer { size, .. } => *size,
            Self::Fields(fields) => {
                let pointers = fields.iter().filter(|field| field.value.is_pointer()).count();
                numbers_end(fields) + POINTER * u32::try_from(pointers).unwrap_or(0)
            }
        }
    }

    /// Offset in the block of the pointer that a read of the field at `offset` gives; `None` where no pointer field begins.
    pub fn pointer_slot(&self, offset: u32) -> Option<u32> {
        let Self::Fields(fields) = self else { return None };
        let mut pointers = fields.iter().filter(|field| field.value.is_pointer());
        let index = pointers.position(|field| field.offset == offset)?;
        Some(numbers_end(fields) + POINTER * u32::try_from(index).ok()?)
    }
}

/// Where the part of the block ends that is laid out as the fields say. Some fields may be read together with as many bytes
/// behind them ([`super::NarrowAccess::Padded`]), and these bytes must exist.
fn numbers_end(fields: &[ContextField]) -> u32 {
    let ends = fields.iter().map(|field| field.offset.saturating_add(2 * field.size));
    ends.max().unwrap_or(0).next_multiple_of(POINTER)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::btf::Signedness;
    use crate::insn::Size;
    use crate::proto::{MemAccess, NarrowAccess, Nullness};

    fn field(offset: u32, size: u32, value: ContextValue) -> ContextField {
        let narrow = NarrowAccess::Forbidden;
        ContextField { offset, size, value, null: Nullness::NonNull, access: MemAccess::Read, narrow }
    }

    #[test]
    fn pointers_lie_behind_the_numbers_in_order() {
        let number = ContextValue::Scalar { size: Size::W, signed: Signedness::Unsigned };
        let layout = ContextLayout::Fields(vec![
            field(0, 4, ContextValue::PacketStart),
            field(4, 4, number),
            field(8, 4, ContextValue::PacketEnd),
        ]);
        assert_eq!(layout.pointer_slot(0), Some(16));
        assert_eq!(layout.pointer_slot(4), None);
        assert_eq!(layout.pointer_slot(8), Some(24));
        assert_eq!(layout.block_bytes(), 32);
    }
}
