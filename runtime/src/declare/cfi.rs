//! [`cfi_hash`]: the type hash in front of every op's code.
//!
//! It covers all that a signature promises: per argument its form, width, nullability, ownership, memory rule and type keys, and the
//! same of the result. Names do not count. Types count by key, so equal prototypes in different crates have equal hashes.

use super::shape::{ArgShape, RetShape};
use super::type_expr::{StepKind, TypeExpr};

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

const fn word(mut hash: u64, value: u64) -> u64 {
    let bytes = value.to_le_bytes();
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(PRIME);
        at += 1;
    }
    hash
}

const fn expr(mut hash: u64, ty: &TypeExpr) -> u64 {
    let steps = ty.steps();
    hash = word(hash, steps.len() as u64);
    let mut at = 0;
    while at < steps.len() {
        let step = &steps[at];
        hash = word(hash, step.kind as u64 | (step.int as u64) << 8 | (step.count as u64) << 16);
        let names = matches!(step.kind, StepKind::Named | StepKind::Opaque);
        hash = word(hash, if names { ty.key().0 } else { 0 });
        at += 1;
    }
    hash
}

const fn arg(mut hash: u64, shape: &ArgShape) -> u64 {
    let rules = shape.form as u64
        | (shape.null as u64) << 8
        | (shape.demand as u64) << 16
        | (shape.mem as u64) << 24
        | (shape.size as u64) << 32
        | (shape.int as u64) << 40
        | (shape.regs as u64) << 48;
    hash = word(hash, rules);
    hash = word(hash, shape.bytes as u64 | (shape.bytes2 as u64) << 32);
    hash = expr(hash, &shape.ty);
    hash = word(hash, shape.legal.len() as u64);
    let mut at = 0;
    while at < shape.legal.len() {
        hash = word(hash, shape.legal[at]);
        at += 1;
    }
    hash = word(hash, shape.callback.len() as u64);
    let mut at = 0;
    while at < shape.callback.len() {
        hash = arg(hash, &shape.callback[at]);
        at += 1;
    }
    hash
}

/// The type hash of a prototype.
pub const fn cfi_hash(args: &[ArgShape], ret: &RetShape) -> u32 {
    let mut hash = word(OFFSET, args.len() as u64);
    let mut at = 0;
    while at < args.len() {
        hash = arg(hash, &args[at]);
        at += 1;
    }
    let rules = ret.form as u64
        | (ret.null as u64) << 8
        | (ret.trust as u64) << 16
        | (ret.mem as u64) << 24
        | (ret.int as u64) << 32;
    hash = word(hash, rules);
    hash = word(hash, ret.bytes as u64);
    hash = expr(hash, &ret.ty);
    // Fold, so that every bit counts.
    let bytes = (hash ^ hash >> 32).to_le_bytes();
    u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])
}

#[cfg(test)]
mod tests {
    use super::cfi_hash;
    use crate::declare::{
        ArgForm, ArgShape, DemandDecl, IntForm, MemRule, NullDecl, RetForm, RetShape, SizeDecl, TrustDecl,
        TypeExpr, TypeKey,
    };

    const FLOW: TypeExpr = TypeExpr::named(TypeKey::in_module("app::net", "Flow"));
    const PEER: TypeExpr = TypeExpr::named(TypeKey::in_module("app::net", "Peer"));

    fn object(ty: TypeExpr) -> ArgShape {
        ArgShape::new(ArgForm::Object, ty)
    }

    fn number(bytes: u32, int: IntForm) -> ArgShape {
        let mut shape = ArgShape::new(ArgForm::Scalar, TypeExpr::int(bytes, int));
        (shape.bytes, shape.int) = (bytes, int);
        shape
    }

    /// Prototypes that differ from each other in one respect each.
    fn prototypes() -> Vec<(Vec<ArgShape>, RetShape)> {
        let void = RetShape::new(RetForm::Void, TypeExpr::VOID);
        let mut args: Vec<Vec<ArgShape>> = vec![
            vec![],
            vec![object(FLOW)],
            vec![object(PEER)],
            vec![object(FLOW).nullable()],
            vec![object(FLOW), object(FLOW)],
            vec![object(FLOW), object(PEER)],
            vec![object(PEER), object(FLOW)],
            vec![number(4, IntForm::Unsigned)],
            vec![number(4, IntForm::Signed)],
            vec![number(8, IntForm::Unsigned)],
        ];
        for demand in [DemandDecl::Rcu, DemandDecl::Exclusive, DemandDecl::Owned] {
            let mut shape = object(FLOW);
            shape.demand = demand;
            args.push(vec![shape]);
        }
        for (mem, size) in [
            (MemRule::Read, SizeDecl::Bounded),
            (MemRule::Read, SizeDecl::Constant),
            (MemRule::ReadWrite, SizeDecl::Bounded),
            (MemRule::Uninit, SizeDecl::Bounded),
        ] {
            let mut shape = ArgShape::new(ArgForm::Slice, TypeExpr::VOID);
            (shape.mem, shape.size, shape.regs) = (mem, size, 2);
            args.push(vec![shape]);
        }
        let mut all: Vec<_> = args.into_iter().map(|args| (args, void)).collect();
        let mut owned = RetShape::new(RetForm::Object, FLOW);
        owned.trust = TrustDecl::Owned;
        let mut wide = RetShape::new(RetForm::Scalar, TypeExpr::int(8, IntForm::Unsigned));
        wide.bytes = 8;
        let maybe = RetShape { null: NullDecl::Nullable, ..owned };
        all.extend(
            [owned, maybe, wide, RetShape::new(RetForm::Object, PEER)].map(|ret| (vec![object(FLOW)], ret)),
        );
        all
    }

    #[test]
    fn any_difference_in_a_prototype_gives_another_hash() {
        let all = prototypes();
        let mut hashes: Vec<u32> = all.iter().map(|(args, ret)| cfi_hash(args, ret)).collect();
        hashes.sort_unstable();
        hashes.dedup();
        assert_eq!(hashes.len(), all.len());
    }

    #[test]
    fn equal_prototypes_have_equal_hashes() {
        for (args, ret) in prototypes() {
            assert_eq!(cfi_hash(&args, &ret), cfi_hash(&args.clone(), &ret.clone()));
        }
        // Types count by their path, not by who names them.
        assert_eq!(FLOW, TypeExpr::named(TypeKey::in_module("app::net", "Flow")));
        assert_ne!(TypeKey::in_module("app::net", "Flow"), TypeKey::in_module("app", "net::Flow"));
    }
}
