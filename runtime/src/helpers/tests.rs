//! The table of helpers, and the format of `bpf_trace_printk`.

use opswap_bpf::HelperId;

use super::trace::{Malformed, render};
use super::{addr, all, proto};

#[test]
fn helpers_are_found_by_their_number() {
    let numbers: Vec<u32> = all().map(|helper| helper.id.0).collect();
    assert_eq!(numbers, [1, 2, 3, 5, 6, 7, 8, 197, 201, 202, 203]);
    for number in 0..300 {
        let id = HelperId(number);
        assert_eq!(proto(id).is_some(), numbers.contains(&number), "{id}");
        assert_eq!(addr(id).is_some(), numbers.contains(&number), "{id}");
        assert!(proto(id).is_none_or(|helper| helper.id == id && helper.args.len() <= 5));
    }
}

#[test]
fn lines_are_formatted_as_the_kernel_does() {
    let cases: &[(&str, [u64; 3], Result<&str, Malformed>)] = &[
        ("plain\0beyond", [0; 3], Ok("plain")),
        ("%d %i", [u64::MAX, 7, 0], Ok("-1 7")),
        ("%u", [u64::MAX, 0, 0], Ok("4294967295")),
        ("%lld", [u64::MAX, 0, 0], Ok("-1")),
        ("%llu %lx", [u64::MAX, 0xabc, 0], Ok("18446744073709551615 abc")),
        ("%08x|%4d|%%", [0xbeef, 5, 0], Ok("0000beef|   5|%")),
        ("%c%c", [u64::from(b'o'), u64::from(b'k'), 0], Ok("ok")),
        ("%s", [1, 0, 0], Err(Malformed)),
        ("%d %d %d %d", [1, 2, 3], Err(Malformed)),
        ("trailing %", [0; 3], Err(Malformed)),
        (
            "%999999999999999999d",
            [1, 0, 0],
            Ok("                                                               1"),
        ),
    ];
    for (format, args, expected) in cases {
        let line = render(format.as_bytes(), args);
        assert_eq!(line.as_deref(), expected.as_ref().map(|text| *text), "{format}");
    }
}
