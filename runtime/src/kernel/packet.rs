//! [`Packet`]: what a program of a kernel is run on, and [`Block`], its context in memory.

use opswap_bpf::EntryProto;
use opswap_bpf::proto::{ContextField, ContextLayout, ContextValue, Nullness};

/// Bytes of a word.
const WORD: usize = 8;

/// A packet and the numbers that stand beside it in the context.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Packet {
    /// The packet from its link header on; programs may change its bytes.
    pub data: Vec<u8>,
    /// Offset of the first byte that the program is given.
    pub start: usize,
    /// Offset of the network header, from which legacy loads may count.
    pub network: usize,
    /// Offset and value of context fields of four bytes that are not 0.
    pub numbers: Vec<(u32, u32)>,
    /// For a program whose context is plain memory: its first bytes.
    pub memory: Vec<u8>,
}

/// A context that this process cannot make.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Unmakeable {
    /// Arguments of a function of the kernel.
    Arguments,
    /// A pointer to an object of the kernel that is never NULL.
    Object,
}

/// A packet and a context that points into it, both at addresses that a program may use while this is borrowed.
#[derive(Debug)]
pub(crate) struct Block {
    /// The context, in words for its alignment.
    context: Box<[u64]>,
    /// Its size in bytes.
    bytes: usize,
    /// The packet, filled up to whole words.
    packet: Box<[u64]>,
    len: usize,
    start: usize,
}

impl Block {
    pub(crate) fn new(entry: &EntryProto, packet: &Packet) -> Result<Self, Unmakeable> {
        let bytes = entry.context.block_bytes() as usize;
        let mut block = Self {
            context: vec![0; bytes.div_ceil(WORD)].into(),
            bytes,
            packet: words(&packet.data),
            len: packet.data.len(),
            start: packet.start.min(packet.data.len()),
        };
        match &entry.context {
            ContextLayout::None => {}
            ContextLayout::Args(_) => return Err(Unmakeable::Arguments),
            ContextLayout::Memory { .. } | ContextLayout::Buffer { .. } => {
                let given = &packet.memory[..packet.memory.len().min(bytes)];
                for (word, value) in block.context.iter_mut().zip(words(given)) {
                    *word = value;
                }
            }
            ContextLayout::Fields(fields) => block.fill(&entry.context, fields, &packet.numbers)?,
        }
        Ok(block)
    }

    fn fill(
        &mut self,
        layout: &ContextLayout,
        fields: &[ContextField],
        numbers: &[(u32, u32)],
    ) -> Result<(), Unmakeable> {
        for &(offset, value) in numbers {
            self.set(offset, 4, u64::from(value));
        }
        let (start, len) = self.packet_memory();
        for field in fields {
            let pointer = match &field.value {
                ContextValue::Scalar { .. } => continue,
                ContextValue::PacketStart | ContextValue::PacketMeta => (start + self.start) as u64,
                ContextValue::PacketEnd => (start + len) as u64,
                ContextValue::Object { .. } | ContextValue::Record { .. } | ContextValue::Memory { .. } => {
                    match field.null {
                        Nullness::Nullable => 0,
                        Nullness::NonNull => return Err(Unmakeable::Object),
                    }
                }
            };
            if let Some(slot) = layout.pointer_slot(field.offset) {
                self.set(slot, WORD, pointer);
            }
        }
        Ok(())
    }

    /// Writes the low `size` bytes of `value` at an offset that is a multiple of `size`, 4 or 8.
    fn set(&mut self, offset: u32, size: usize, value: u64) {
        let offset = offset as usize;
        let Some(word) = self.context.get_mut(offset / WORD) else { return };
        if size == WORD {
            *word = value;
        } else {
            let shift = 8 * (offset % WORD);
            *word = *word & !(0xffff_ffff << shift) | value << shift;
        }
    }

    /// First byte and size of the context, for the program.
    pub(crate) fn context_memory(&mut self) -> (*mut u8, usize) {
        let start = self.context.as_mut_ptr().cast::<u8>();
        let _ = start.expose_provenance();
        (start, self.bytes)
    }

    /// First byte and size of the packet, for the program.
    pub(crate) fn packet_memory(&mut self) -> (usize, usize) {
        (self.packet.as_mut_ptr().cast::<u8>().expose_provenance(), self.len)
    }
}

/// Bytes as words, the last one filled up with zeroes.
fn words(bytes: &[u8]) -> Box<[u64]> {
    let word = |chunk: &[u8]| {
        let mut word = [0; WORD];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    };
    bytes.chunks(WORD).map(word).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use opswap_bpf::btf::Signedness;
    use opswap_bpf::insn::Size;
    use opswap_bpf::proto::{MemAccess, NarrowAccess, ReturnRule, Sleepable};

    fn entry(fields: Vec<ContextField>) -> EntryProto {
        EntryProto {
            name: "tc".to_owned(),
            context: ContextLayout::Fields(fields),
            ret: ReturnRule::Void,
            sleepable: Sleepable::No,
            declared_at: None,
        }
    }

    fn field(offset: u32, size: u32, value: ContextValue, null: Nullness) -> ContextField {
        ContextField { offset, size, value, null, access: MemAccess::Read, narrow: NarrowAccess::Forbidden }
    }

    #[test]
    fn pointers_lead_into_the_packet_and_numbers_stand_at_their_offsets() {
        let number = ContextValue::Scalar { size: Size::W, signed: Signedness::Unsigned };
        let fields = vec![
            field(0, 4, number.clone(), Nullness::NonNull),
            field(4, 4, number, Nullness::NonNull),
            field(8, 4, ContextValue::PacketStart, Nullness::NonNull),
            field(12, 4, ContextValue::PacketEnd, Nullness::NonNull),
        ];
        let packet =
            Packet { data: vec![1; 9], start: 2, numbers: vec![(0, 9), (4, 7)], ..Packet::default() };
        let mut block = Block::new(&entry(fields), &packet).expect("nothing but a packet");
        let (start, len) = block.packet_memory();
        assert_eq!((len, &*block.packet), (9, &[0x0101_0101_0101_0101, 1][..]));
        assert_eq!(block.context[0], 7 << 32 | 9);
        assert_eq!(block.context[3..], [start as u64 + 2, start as u64 + 9]);
    }

    #[test]
    fn an_object_that_is_never_null_cannot_be_made() {
        let object = ContextValue::Memory { size: 8, access: MemAccess::Read };
        let fields = vec![field(0, 8, object, Nullness::NonNull)];
        let made = Block::new(&entry(fields), &Packet::default());
        assert_eq!(made.err(), Some(Unmakeable::Object));
    }
}
