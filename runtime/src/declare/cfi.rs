//! [`cfi_hash`]: the type hash in front of every op's code.
//!
//! It covers all that a signature promises: per argument its form, width, nullability, ownership, memory rule and type keys, and the
//! same of the result. Names do not count. Types count by key, so equal prototypes in different crates have equal hashes.

use super::shape::{ArgShape, RetShape};
use super::type_expr::TypeExpr;

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
        hash = word(hash, step.key.0);
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
