//! Limits beyond what frames can be numbered for.

use opswap_verifier::{Limits, verify_with};

use crate::lab::Lab;

#[test]
fn no_limit_makes_room_for_more_frames_than_can_be_told_apart() {
    let lab = Lab::new();
    // A function that calls itself until its argument is 0: 300 frames.
    let text = "r1 = 300\ncall +1\nexit\nif r1 == 0 goto +2\nr1 -= 1\ncall -3\nr0 = 0\nexit";
    let (program, _) = lab.program("deep", "op", text);
    let limits = Limits { call_frames: u32::MAX, stack_bytes: u32::MAX, ..Limits::default() };
    let rejection = verify_with(program, &lab, &limits).0.expect_err("more frames than numbers");
    assert!(rejection.to_string().contains("the call stack of 256 frames is too deep"), "{rejection}");
}
