//! The vocabulary of opswap: what every other crate means by an instruction, a type, a contract or an id.
//!
//! | module | owns |
//! |---|---|
//! | [`ids`] | newtypes for indices, so that an instruction index is never taken for a type id |
//! | [`insn`] | [`Insn`]: the typed instruction set, one value per instruction slot |
//! | [`decode`](mod@decode) | [`decode()`]: bytes to instructions, with every rule of the encoding |
//! | [`encode`](mod@encode) | [`encode()`]: instructions to bytes |
//! | [`display`] | the text form of instructions, ours and the kernel's |
//! | [`asm`] | [`assemble`]: the text form back to instructions |
//! | [`interp`] | the reference interpreter: what each instruction means |
//! | [`program`] | [`Program`]: what the loader hands to the verifier |
//! | `random` (feature) | random programs that a verifier should accept, for differential tests |
//! | [`proto`] | [`KfuncProto`], [`HelperProto`], [`EntryProto`], [`StructOpsProto`]: contracts, never addresses |
//! | [`map`] | [`MapProto`]: the shape of a map |
//! | [`btf`] | [`Btf`]: the type model |
//! | [`text`], [`hashed`] | [`Text`]: names that are copied for free; tables whose keys are hashes |
//!
//! Data only: no input or output, no global state, no policy. Everything here can be built by hand in a test.

#![forbid(unsafe_code)]

pub mod asm;
pub mod btf;
pub mod decode;
pub mod display;
pub mod encode;
pub mod hashed;
pub mod ids;
pub mod insn;
pub mod interp;
pub mod map;
mod opcode;
pub mod program;
pub mod proto;
#[cfg(feature = "random")]
pub mod random;
mod relative;
pub mod text;

pub use asm::assemble;
pub use btf::{Btf, BtfType};
pub use decode::{DecodeError, decode};
pub use encode::{EncodeError, encode};
pub use ids::{
    BtfId, BtfSpace, HelperId, InsnIdx, KfuncId, MapId, OpIdx, RecordId, RefId, SubprogId, TypeRef,
};
pub use insn::Insn;
pub use map::MapProto;
pub use program::{Program, ProgramKind};
pub use proto::{EntryProto, HelperProto, KfuncFlags, KfuncProto, StructOpsProto};
pub use text::Text;
