//! Typed programs: they use maps, packets, host objects, references, subprograms and callbacks as a real program does, because
//! the generator keeps account of what each register and stack slot holds.
//!
//! A program of [`typed`] keeps all the rules that the generator knows; [`break_rules`] then breaks a few of them. A verifier
//! accepts most of the former and refuses many of the latter, so both sides of its judgement are met often.
//!
//! | file | owns |
//! |---|---|
//! | `held` | what registers and stack slots hold |
//! | `body` | one function: statements and their nesting |
//! | `numbers` | arithmetic, and how a number gets a bound |
//! | `memory` | accesses through every kind of pointer, spills and fills |
//! | `calls` | calls by contract, references |
//! | `functions` | calls of the program's own functions |
//! | `objects` | objects of the host on the stack, and what must be given back |
//! | `iterators` | iterators and loops over them |
//! | `dynptrs` | dynptrs and their slices |
//! | `fields` | locks and kptrs in map values |
//! | `allocated` | objects that the program allocates |
//! | `sections` | saved interrupt states, RCU sections |
//! | `maps` | maps without special fields |
//! | `breaks` | changes that break a rule |

mod allocated;
mod body;
mod breaks;
mod calls;
mod dynptrs;
mod fields;
mod functions;
mod held;
mod iterators;
mod maps;
mod memory;
mod numbers;
mod objects;
mod sections;

use std::sync::Arc;

pub use breaks::break_rules;
pub use maps::plain_maps;

use super::{Features, Rng};
use crate::ids::{BtfId, InsnIdx, TypeRef};
use crate::insn::{CallTarget, Imm64, Insn};
use crate::map::MapProto;
use crate::proto::{
    ArgProto, ContextLayout, DynptrMemory, Intrinsic, KfuncFlags, Nullness, RetProto, Sleepable,
};
use body::{Body, Role};
use objects::Kind;

/// Something of the host that programs may call.
#[derive(Clone, Debug)]
pub struct Callable {
    /// How it is called.
    pub target: CallTarget,
    /// Its parameters.
    pub args: Vec<ArgProto>,
    /// Its result.
    pub ret: RetProto,
    /// Its flags.
    pub flags: KfuncFlags,
    /// Its meaning beyond the contract.
    pub intrinsic: Option<Intrinsic>,
}

/// A field of a host object.
#[derive(Clone, Copy, Debug)]
pub struct Field {
    /// The object's type.
    pub owner: TypeRef,
    /// Byte offset.
    pub offset: i16,
    /// What a read gives.
    pub gives: FieldGives,
}

/// What reading a field gives.
#[derive(Clone, Copy, Debug)]
pub enum FieldGives {
    /// A number of this many bytes, which may perhaps be written too.
    Number {
        /// Bytes: 1, 2, 4 or 8.
        bytes: u32,
        /// May programs write it?
        writable: bool,
    },
    /// A pointer, borrowed from the owner.
    Pointer {
        /// To what.
        ty: TypeRef,
        /// May it be NULL?
        null: Nullness,
    },
}

/// A struct of the program, whose objects it may allocate.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Struct {
    /// Its id in the program's types.
    pub id: BtfId,
    /// Bytes at its beginning without special fields.
    pub plain: u32,
    /// Whether its objects count their references.
    pub counted: bool,
}

/// What typed programs are made for.
#[derive(Clone, Debug)]
pub struct World {
    /// What lies behind `R1` at the entry.
    pub context: ContextLayout,
    /// May the packet be written?
    pub packet_writable: bool,
    /// Maps, by their ids.
    pub maps: Vec<Arc<MapProto>>,
    /// What may be called.
    pub functions: Vec<Callable>,
    /// Fields of objects.
    pub fields: Vec<Field>,
    /// Bytes of the iterators' states.
    pub iterators: Vec<(TypeRef, u32)>,
    /// Structs of the program.
    pub structs: Vec<Struct>,
    /// May the program sleep?
    pub sleepable: Sleepable,
    /// How often, in hundredths, a rule about what must be given back, and when it ends, is broken where it matters.
    pub slips: u32,
    /// What may occur beyond that.
    pub features: Features,
    /// Roughly how many statements the entry function has.
    pub statements: u32,
    /// The program may return a number in this range.
    pub returns: (i32, i32),
}

/// Which function a slot refers to; filled in when all functions have their place.
#[derive(Clone, Copy, Debug)]
struct Reference {
    slot: usize,
    function: usize,
}

/// A function that is finished.
#[derive(Default, Debug)]
struct Function {
    insns: Vec<Insn>,
    references: Vec<Reference>,
}

/// The typed program of this seed, always the same for the same world.
pub fn typed(seed: u64, world: &World) -> Vec<Insn> {
    let mut rng = Rng::new(seed ^ 0x7e57_ab1e);
    let roles = roles(&mut rng, world);
    let functions: Vec<Function> =
        (0..roles.len()).map(|index| Body::new(index, &roles, &mut rng, world).generate()).collect();
    place(functions)
}

/// The entry first; then subprograms, and bodies of callbacks.
fn roles(rng: &mut Rng, world: &World) -> Vec<Role> {
    let mut roles = vec![Role::Entry];
    if world.features.contains(Features::SUBPROGS) {
        if !world.iterators.is_empty() && rng.percent(30) {
            let iterator = Kind::Iter(rng.pick(&world.iterators).0);
            let dynptr = Kind::Dynptr(rng.pick(&[DynptrMemory::Local, DynptrMemory::Ringbuf]));
            roles.push(Role::WithObject(if rng.percent(50) { iterator } else { dynptr }));
        }
        for _ in 0..rng.below(3) {
            roles.push(if rng.percent(50) { Role::WithStack } else { Role::WithNumbers });
        }
        if world.functions.iter().any(|function| functions::callback_of(function).is_some())
            && rng.percent(50)
        {
            roles.push(Role::Callback);
        }
    }
    roles
}

/// Lays out the functions that are referred to, for unreached code is refused, and fills in the references.
fn place(functions: Vec<Function>) -> Vec<Insn> {
    let mut reached = vec![false; functions.len()];
    reached[0] = true;
    let mut starts = vec![0; functions.len()];
    let mut insns = Vec::new();
    // Functions refer to later ones only.
    for (index, function) in functions.iter().enumerate() {
        if !reached[index] {
            continue;
        }
        for reference in &function.references {
            reached[reference.function] = true;
        }
        starts[index] = insns.len();
        insns.extend_from_slice(&function.insns);
    }
    for (index, function) in functions.iter().enumerate().filter(|(index, _)| reached[*index]) {
        for reference in &function.references {
            let at = starts[index] + reference.slot;
            let from = InsnIdx(u32::try_from(at).unwrap_or(0)).next();
            let offset = i64::try_from(starts[reference.function]).unwrap_or(0) - i64::from(from.0);
            let offset = i32::try_from(offset).unwrap_or(0);
            if let Insn::Call { target } = &mut insns[at] {
                *target = CallTarget::Subprog(offset);
            } else if let Insn::LoadImm64 { imm, .. } = &mut insns[at] {
                *imm = Imm64::Func(offset);
            }
        }
    }
    insns
}
