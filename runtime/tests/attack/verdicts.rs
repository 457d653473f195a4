//! Programs that would break a rule of Rust, each with the words of its refusal; and the nearest ones that break none.

use crate::lab::{load, verdict};

/// What a program is for.
#[derive(Clone, Copy)]
enum For {
    /// `on(flow: &mut Flow, number: u32) -> u32`.
    On,
    /// `give(node: Option<KRef<Node>>) -> Option<KRef<Node>>`.
    Give,
    /// 16 bytes of memory, on its own.
    Alone,
}

use For::{Alone, Give, On};

/// Programs, and what the refusal says.
const REFUSED: &[(&str, For, &str, &str)] = &[
    // References: after their release, through any copy.
    (
        "rcu result after release",
        Alone,
        "r1 = 5; call node_get; r6 = r0; r1 = r6; call node_rcu; r7 = r0; r1 = r6; call node_put; r0 = *(u64 *)(r7 + 0); exit",
        "R7 !read_ok",
    ),
    (
        "rcu result passed after release",
        Alone,
        "r1 = 5; call node_get; r6 = r0; r1 = r6; call node_rcu; r7 = r0; r1 = r6; call node_put; r1 = r7; call node_rcu_see; exit",
        "R7 !read_ok",
    ),
    (
        "rcu result beside the release",
        Alone,
        "r1 = 5; call node_get; r6 = r0; r1 = r6; call node_rcu; r1 = r6; r2 = r0; call node_swap; exit",
        "may name the same object",
    ),
    (
        "nullable rcu result after release",
        Alone,
        "r1 = 5; call node_get; r6 = r0; r1 = r6; call node_rcu_maybe; r7 = r0; r1 = r6; call node_put; if r7 == 0 goto +1; r0 = *(u64 *)(r7 + 0); r0 = 0; exit",
        "R7 !read_ok",
    ),
    (
        "released beside itself",
        Alone,
        "r1 = 5; call node_get; r1 = r0; r2 = r0; call node_swap; exit",
        "may name the same object",
    ),
    (
        "released twice in one call",
        Alone,
        "r1 = 5; call node_get; r1 = r0; r2 = r0; call node_both; r0 = 0; exit",
        "may name the same object",
    ),
    (
        "released twice by a spilled copy",
        Alone,
        "r1 = 5; call node_get; *(u64 *)(r10 - 8) = r0; r1 = r0; call node_put; r1 = *(u64 *)(r10 - 8); call node_put; r0 = 0; exit",
        "invalid read from stack",
    ),
    (
        "a field after the release",
        Alone,
        "r1 = 5; call node_get; r6 = r0; r7 = *(u64 *)(r6 + 16); r1 = r6; call node_put; if r7 == 0 goto +1; r0 = *(u64 *)(r7 + 0); r0 = 0; exit",
        "R7 !read_ok",
    ),
    (
        "released by a subprogram",
        Alone,
        "r1 = 5; call node_get; r6 = r0; r1 = r6; call +3; r1 = r6; call node_put; exit; call node_put; r0 = 0; exit",
        "R6 !read_ok",
    ),
    (
        "a field released",
        Alone,
        "r1 = 5; call node_get; r6 = r0; r1 = *(u64 *)(r6 + 16); if r1 == 0 goto +1; call node_put; r1 = r6; call node_put; r0 = 0; exit",
        "release",
    ),
    (
        "a moved pointer released",
        Alone,
        "r1 = 5; call node_get; r1 = r0; r1 += 8; call node_put; r0 = 0; exit",
        "R1 must have zero offset when passed to release func",
    ),
    (
        "leaked on one path",
        Alone,
        "r6 = *(u64 *)(r1 + 0); r1 = 5; call node_get; if r6 == 7 goto +2; r1 = r0; call node_put; r0 = 0; exit",
        "Unreleased reference",
    ),
    ("leaked by overwriting", Alone, "r1 = 5; call node_get; r0 = 0; exit", "Unreleased reference"),
    (
        "given and returned",
        Give,
        "r6 = *(u64 *)(r1 + 0); if r6 == 0 goto +4; r1 = r6; call node_put; r0 = r6; exit; r0 = 0; exit",
        "R6 !read_ok",
    ),
    (
        "returned through a second load",
        Give,
        "r6 = *(u64 *)(r1 + 0); r7 = *(u64 *)(r1 + 0); r1 = r6; if r6 == 0 goto +3; call node_put; r0 = r7; exit; r0 = 0; exit",
        "R7 !read_ok",
    ),
    (
        "loaded again after its release",
        Give,
        "r6 = r1; r1 = *(u64 *)(r6 + 0); if r1 == 0 goto +1; call node_put; r0 = *(u64 *)(r6 + 0); exit",
        "invalid bpf_context access",
    ),
    (
        "something borrowed returned",
        Give,
        "r6 = *(u64 *)(r1 + 0); if r6 == 0 goto +2; r0 = *(u64 *)(r6 + 16); exit; r0 = 0; exit",
        "R0 is not a known value",
    ),
    // Exclusive objects.
    (
        "rcu field after the field was dropped",
        On,
        "r6 = *(u64 *)(r1 + 0); r7 = *(u64 *)(r6 + 16); r1 = r6; call flow_clear; if r7 == 0 goto +1; r0 = *(u64 *)(r7 + 0); r0 = 0; exit",
        "R7 !read_ok",
    ),
    (
        "rcu field beside &mut of its parent",
        On,
        "r6 = *(u64 *)(r1 + 0); r2 = *(u64 *)(r6 + 16); if r2 == 0 goto +2; r1 = r6; call flow_with; r0 = 0; exit",
        "may name the same object",
    ),
    (
        "field after the field was dropped",
        On,
        "r6 = *(u64 *)(r1 + 0); r7 = *(u64 *)(r6 + 8); r1 = r6; call flow_clear; if r7 == 0 goto +1; r0 = *(u64 *)(r7 + 0); r0 = 0; exit",
        "R7 !read_ok",
    ),
    (
        "a raw pointer followed",
        On,
        "r6 = *(u64 *)(r1 + 0); r7 = *(u64 *)(r6 + 24); r0 = *(u64 *)(r7 + 0); r0 = 0; exit",
        "invalid mem access",
    ),
    (
        "a raw pointer passed on",
        On,
        "r6 = *(u64 *)(r1 + 0); r1 = *(u64 *)(r6 + 24); call node_see; exit",
        "R1 must be referenced or trusted",
    ),
    (
        "a pointer from a union followed",
        On,
        "r6 = *(u64 *)(r1 + 0); r7 = *(u64 *)(r6 + 32); r0 = *(u32 *)(r7 + 0); r0 = 0; exit",
        "invalid mem access",
    ),
    (
        "a pointer from a union passed on",
        On,
        "r6 = *(u64 *)(r1 + 0); r1 = *(u64 *)(r6 + 32); call leaf_see; exit",
        "R1 must be referenced or trusted",
    ),
    (
        "a pointer in a union written",
        On,
        "r6 = *(u64 *)(r1 + 0); *(u64 *)(r6 + 32) = 4096; r0 = 0; exit",
        "only read is supported",
    ),
    (
        "a bool written",
        On,
        "r6 = *(u64 *)(r1 + 0); *(u8 *)(r6 + 56) = 2; r0 = 0; exit",
        "only read is supported",
    ),
    (
        "a bool written atomically, with what lies beside it",
        On,
        "r6 = *(u64 *)(r1 + 0); r2 = 2; lock *(u64 *)(r6 + 56) += r2; r0 = 0; exit",
        "beyond",
    ),
    (
        "a number written behind a Box",
        On,
        "r6 = *(u64 *)(r1 + 0); r7 = *(u64 *)(r6 + 64); *(u32 *)(r7 + 0) = 2; r0 = 0; exit",
        "only read is supported",
    ),
    (
        "a loan after another",
        On,
        "r6 = *(u64 *)(r1 + 0); r1 = r6; r2 = 16; call flow_bytes; r7 = r0; r1 = r6; r2 = 16; call flow_bytes; *(u8 *)(r7 + 0) = 1; r0 = 0; exit",
        "R7 !read_ok",
    ),
    (
        "a loan beyond its end",
        On,
        "r6 = *(u64 *)(r1 + 0); r1 = r6; r2 = 16; call flow_bytes; *(u8 *)(r0 + 16) = 1; r0 = 0; exit",
        "outside of the allowed memory range",
    ),
    (
        "a borrowed object as &mut",
        On,
        "r6 = *(u64 *)(r1 + 0); r1 = *(u64 *)(r6 + 64); call leaf_set; r0 = 0; exit",
        "exclusive",
    ),
    // Memory.
    (
        "one word shared and exclusive",
        Alone,
        "r1 = 1; *(u64 *)(r10 - 8) = r1; r1 = r10; r1 += -8; r2 = r1; call word_copy; r0 = 0; exit",
        "may name the same object",
    ),
    (
        "words that overlap by half",
        Alone,
        "r1 = 1; *(u64 *)(r10 - 8) = r1; *(u64 *)(r10 - 16) = r1; r1 = r10; r1 += -16; r2 = r10; r2 += -12; call word_copy; r0 = 0; exit",
        "may name the same object",
    ),
    (
        "a spilled pointer forged through what a function gave back of the stack",
        Alone,
        "r6 = r1; *(u64 *)(r10 - 8) = 5; r1 = r10; r1 += -8; r2 = 8; r3 = 8; call bytes_same; *(u64 *)(r10 - 8) = r6; *(u64 *)(r0 + 0) = 4096; r1 = *(u64 *)(r10 - 8); r0 = *(u64 *)(r1 + 0); exit",
        "R0 !read_ok",
    ),
    (
        "an address read through what a function gave back of the stack",
        Alone,
        "*(u64 *)(r10 - 8) = 5; r1 = r10; r1 += -8; call word_same; *(u64 *)(r10 - 8) = r10; r0 = *(u64 *)(r0 + 0); exit",
        "R0 !read_ok",
    ),
    (
        "what a function gave back of a stack that is gone",
        Alone,
        "call +2; r0 = *(u64 *)(r0 + 0); exit; *(u64 *)(r10 - 8) = 5; r1 = r10; r1 += -8; call word_same; exit",
        "R0 !read_ok",
    ),
    (
        "a spilled pointer as bytes",
        Alone,
        "*(u64 *)(r10 - 8) = r1; r1 = r10; r1 += -8; r2 = 8; call fill; r0 = 0; exit",
        "R1",
    ),
    (
        "half a spilled pointer overwritten",
        Alone,
        "*(u64 *)(r10 - 8) = r1; *(u32 *)(r10 - 8) = 0; r0 = *(u64 *)(r10 - 8); exit",
        "",
    ),
    (
        "half a spilled pointer read",
        Alone,
        "*(u64 *)(r10 - 8) = r1; r0 = *(u32 *)(r10 - 8); exit",
        "invalid size of register fill",
    ),
    ("stack that nobody wrote", Alone, "r1 = r10; r1 += -8; r2 = 8; call fill; r0 = 0; exit", "invalid"),
    ("above the stack", Alone, "*(u64 *)(r10 + 0) = 1; r0 = 0; exit", "invalid write to stack"),
    ("below the stack", Alone, "*(u64 *)(r10 - 520) = 1; r0 = 0; exit", "invalid write to stack"),
    (
        "below the stack by a number",
        Alone,
        "r2 = *(u64 *)(r1 + 0); r2 &= 1023; r3 = r10; r3 += -1024; r3 += r2; *(u8 *)(r3 + 0) = 1; r0 = 0; exit",
        "invalid",
    ),
    (
        "the context by a 32-bit number that was not cut",
        Alone,
        "r2 = *(u64 *)(r1 + 0); w3 = w2; if w3 > 8 goto +2; r1 += r2; r0 = *(u8 *)(r1 + 0); r0 = 0; exit",
        "unbounded min value",
    ),
    (
        "the context by a negative number",
        Alone,
        "r2 = *(u64 *)(r1 + 0); if r2 s> 8 goto +2; r1 += r2; r0 = *(u8 *)(r1 + 0); r0 = 0; exit",
        "unbounded min value",
    ),
    (
        "a size that may be negative",
        Alone,
        "r2 = *(u64 *)(r1 + 0); if r2 s> 16 goto +1; call fill; r0 = 0; exit",
        "negative",
    ),
    (
        "the callee's stack returned",
        Alone,
        "call +2; r0 = *(u64 *)(r0 - 8); exit; *(u64 *)(r10 - 8) = 1; r0 = r10; exit",
        "cannot return stack pointer",
    ),
    (
        "the callee's stack left with the caller",
        Alone,
        "r1 = r10; r1 += -8; call +2; r0 = 0; exit; *(u64 *)(r1 + 0) = r10; r0 = 0; exit",
        "stack",
    ),
    // Addresses.
    ("an address returned", Alone, "r0 = r1; exit", "R0"),
    ("an address stored in the context", Alone, "*(u64 *)(r1 + 0) = r10; r0 = 0; exit", "leak"),
    ("an address's low half", Alone, "w0 = w1; exit", "R1"),
    ("an address multiplied", Alone, "r1 *= 2; r0 = 0; exit", "R1"),
    ("addresses ordered", Alone, "if r1 > r10 goto +0; r0 = 0; exit", "comparison"),
    ("an address exchanged", Alone, "r2 = r10; r2 = atomic_xchg((u64 *)(r1 + 0), r2); r0 = 0; exit", "leak"),
    // Control.
    ("a loop without an end", Alone, "r0 = 0; goto -2", "loop"),
    (
        "a loop on unknown numbers",
        Alone,
        "r2 = *(u64 *)(r1 + 0); r2 += 1; if r2 != 0 goto -2; r0 = 0; exit",
        "",
    ),
    ("recursion", Alone, "call +1; exit; call -1; exit", ""),
    ("a jump into a wide load", Alone, "goto +1; r0 = 0x1122334455667788 ll; exit", ""),
];

/// Programs that break no rule.
const ACCEPTED: &[(&str, For, &str)] = &[
    (
        "rcu result before the release",
        Alone,
        "r1 = 5; call node_get; r6 = r0; r1 = r6; call node_rcu; r1 = r0; call node_rcu_see; r7 = r0; r1 = r6; call node_put; r0 = r7; exit",
    ),
    (
        "rcu field before the field is dropped",
        On,
        "r6 = *(u64 *)(r1 + 0); r7 = *(u64 *)(r6 + 16); if r7 == 0 goto +1; r0 = *(u64 *)(r7 + 0); r1 = r6; call flow_clear; r0 = 0; exit",
    ),
    (
        "an atomic in a shared object",
        On,
        "r6 = *(u64 *)(r1 + 0); r7 = *(u64 *)(r6 + 8); if r7 == 0 goto +2; r2 = 1; lock *(u32 *)(r7 + 8) += r2; r0 = 0; exit",
    ),
    ("handed through", Give, "r0 = *(u64 *)(r1 + 0); exit"),
    ("the context given back", Alone, "r2 = 16; r3 = 8; call bytes_same; *(u64 *)(r0 + 0) = 1; r0 = 0; exit"),
    (
        "the stack given back and not used",
        Alone,
        "*(u64 *)(r10 - 8) = 5; r1 = r10; r1 += -8; call word_same; r0 = *(u64 *)(r10 - 8); exit",
    ),
    ("context as memory", Alone, "r2 = 16; call fill; r0 = 0; exit"),
];

fn judge(what: For, text: &str) -> Result<(), String> {
    let text = text.replace("; ", "\n");
    match what {
        On => verdict(0, &text).map_err(|rejection| rejection.to_string()),
        Give => verdict(1, &text).map_err(|rejection| rejection.to_string()),
        Alone => load(&text).map(|_| ()),
    }
}

#[test]
fn what_breaks_a_rule_is_refused() {
    let mut wrong = Vec::new();
    for (name, what, text, words) in REFUSED {
        match judge(*what, text) {
            Ok(()) => wrong.push(format!("{name}: accepted")),
            Err(found) if !found.contains(words) => {
                wrong.push(format!("{name}: `{words}` is not in `{found}`"))
            }
            Err(_) => {}
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_breaks_none_is_accepted() {
    for (name, what, text) in ACCEPTED {
        assert_eq!(judge(*what, text), Ok(()), "{name}");
    }
}
