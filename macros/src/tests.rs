//! Golden expansions: representative items and what the macros make of them, formatted. `BLESS=1` renews them.
//!
//! Each file under `expected/` holds the item (above the line of dashes) and all that is added to it. What is added stays small:
//! anything longer belongs in a function or trait of `opswap`.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use proc_macro2::TokenStream;

/// Most lines that a kfunc may add to the user's item.
const MAX_KFUNC_LINES: usize = 25;

const RULE: &str = "// ---- the macro adds ----\n";

/// Longest line: what `rustfmt` cannot break must not hide lines.
const MAX_WIDTH: usize = 140;

/// Which macro expands an item.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Macro {
    Kfunc,
    KfuncIter,
    Btf,
    StructOps,
}

impl Macro {
    fn expand(self, words: &str, item: &str) -> TokenStream {
        match self {
            Self::Kfunc => crate::kfunc::expand(tokens(words), tokens(item)),
            Self::KfuncIter => crate::iterator::expand(tokens(words), tokens(item)),
            Self::Btf => crate::btf::expand(tokens(item)),
            Self::StructOps => crate::struct_ops::expand(tokens(words), tokens(item)),
        }
    }
}

/// Name of the golden file, the item's attribute and body, and who expands it.
const ITEMS: [(&str, Macro, &str, &str); 19] = [
    ("kfunc_plain", Macro::Kfunc, "", "fn add(a: u32, b: i16) -> u64 { a as u64 + b as u64 }"),
    (
        "kfunc_acquire",
        Macro::Kfunc,
        "acquire, ret_null",
        "/// Finds a flow.\nfn flow_find(table: &Table, number: u32) -> Option<KRef<Flow>> { table.find(number) }",
    ),
    ("kfunc_release", Macro::Kfunc, "release", "fn flow_put(flow: KRef<Flow>) { drop(flow) }"),
    ("kfunc_exclusive", Macro::Kfunc, "", "fn flow_set(flow: &mut Flow, window: u32) { flow.cwnd = window }"),
    ("kfunc_tied", Macro::Kfunc, "", "fn pick<'a>(flow: &'a Flow, peer: &Peer) -> &'a Path { &flow.path }"),
    (
        "kfunc_every_word",
        Macro::Kfunc,
        "sleepable, name = \"flow_read\", programs(struct_ops, tracing), set = READERS, filter = allow, \
         deprecated = \"use flow_get\", crate = swap",
        "/// Reads.\nfn read(flow: &Flow, to: &mut [u8]) -> Result<u32, Errno> { Ok(0) }",
    ),
    (
        "kfunc_raw",
        Macro::Kfunc,
        "acquire, ret_null",
        "/// Looks a flow up.\nunsafe fn flow_lookup(key: *const c_void, key__sz: u32, aux__prog: *mut c_void) -> *mut Flow { find(key, key__sz) }",
    ),
    (
        "kfunc_twelve",
        Macro::Kfunc,
        "",
        "fn rate(flow: &mut Flow, peer: &Peer, path: Option<&Path>, mode: Mode, acked: u32, lost: u32, sent: u64, now: u64, \
         first: bool, window: Const<u64>, name: &CStr, site: &CallSite) -> u64 { 0 }",
    ),
    (
        "kfunc_twelve_every_word",
        Macro::Kfunc,
        "acquire, release, ret_null, sleepable, name = \"flow_replace\", programs(struct_ops, tracing), set = WRITERS, \
         filter = allow, deprecated = \"use flow_swap\"",
        "/// Replaces a flow.\nfn replace(congestion_flow: Option<KRef<Flow>>, remote_peer: &Peer, network_path: Option<&Path>, \
         mode: Mode, acknowledged: u32, retransmitted: u32, sent_bytes: u64, timestamp: u64, is_first: bool, \
         window: Const<u64>, counters: &MapOf<u32, u64>, description: &CStr) -> Option<KRef<Flow>> { None }",
    ),
    (
        "kfunc_twelve_long_names",
        Macro::Kfunc,
        "acquire, release, ret_null, name = \"congestion_connection_replace\", programs(struct_ops, tracing), \
         set = CONGESTION_CONTROL_WRITERS, filter = only_those_allowed, deprecated = \"use connection_swap\"",
        "/// Replaces a connection.\nfn congestion_control_connection_replace_with_another(\
         first: Option<KRef<CongestionControlConnectionOfTheApplication>>, \
         second: &CongestionControlConnectionOfTheApplication<WithAParameter>, \
         third: Option<&congestion::control::of::the::application::Connection>, \
         fourth: CongestionControlModeOfTheApplication, fifth: Rcu<'_, CongestionControlPathOfTheApplication>, \
         the_number_of_segments_that_were_acknowledged_since: u32, the_number_of_segments_that_were_retransmitted: u32, \
         the_time_at_which_the_first_of_them_was_sent: u64, the_mode_is_the_first_of_all_modes_that_there_are: bool, \
         the_window_of_the_other_end_of_the_connection: Const<u64>, \
         counters: &MapOf<CongestionControlCounterOfTheApplication, u64>, \
         the_description_of_the_other_end_of_the_connection: &CStr\
         ) -> Option<KRef<NetworkPath>> { None }",
    ),
    (
        "kfunc_twelve_raw",
        Macro::Kfunc,
        "acquire, release, ret_null",
        "unsafe fn shift(flow: *mut Flow, key: *const c_void, key__sz: u32, value__uninit: *mut c_void, value__szk: u32, by__k: u64, \
         text__str: *const c_char, map__map: *mut c_void, peer__nullable: *mut Peer, a: u64, rest__ign: u64, aux__prog: *mut c_void) \
         -> *mut Flow { flow }",
    ),
    (
        "btf_struct",
        Macro::Btf,
        "",
        "/// A flow.\n#[repr(C)] struct Flow { cwnd: u32, #[btf(ro)] id: u64, #[btf(skip)] name: String, next: *mut Flow }",
    ),
    ("btf_union", Macro::Btf, "", "#[repr(C)] union Word { number: u32, bytes: [u8; 4] }"),
    ("btf_enum", Macro::Btf, "", "#[repr(u8)] enum Mode { Slow, Fast = 7 }"),
    (
        "iterator_function",
        Macro::KfuncIter,
        "",
        "/// Numbers.\nfn numbers(from: i64, to: i64) -> impl Iterator<Item = i64> { from..to }",
    ),
    (
        "iterator_impl",
        Macro::KfuncIter,
        "name = \"flows\", new(first: u32)",
        "impl Iterator for Flows { type Item = KRef<Flow>; fn next(&mut self) -> Option<KRef<Flow>> { self.0.pop() } }",
    ),
    (
        "struct_ops_plain",
        Macro::StructOps,
        "",
        "pub struct FlowOps { grow: fn(flow: &mut Flow, by: u32) -> u32, flags: u32 }",
    ),
    (
        "struct_ops_every_form",
        Macro::StructOps,
        "",
        "/// Operations.\npub struct FlowOps { #[op(required)] grow: fn(flow: &mut Flow), #[op(sleepable)] start: Option<fn(peer: Option<&Peer>)>, \
         #[op(unsupported)] undo: fn(flow: &mut Flow) -> u32, take: Option<fn(flow: KRef<Flow>) -> Option<KRef<Flow>>>, name: [u8; 16] }",
    ),
    (
        "struct_ops_values",
        Macro::StructOps,
        "name = \"point_ops\"",
        "struct PointOps { moved: fn(to: Point, bytes: &[u8], last: &mut u64) -> bool }",
    ),
];

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("the items above are Rust")
}

/// The text as `rustfmt` writes it; `None` when there is no `rustfmt`.
fn formatted(text: &str) -> Option<String> {
    let config = Path::new(env!("CARGO_MANIFEST_DIR")).join("../rustfmt.toml");
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(config)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(text.as_bytes()).ok()?;
    let output = child.wait_with_output().ok()?;
    assert!(output.status.success(), "an expansion is no Rust:\n{text}");
    String::from_utf8(output.stdout).ok()
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("expected").join(format!("{name}.rs"))
}

#[test]
fn expansions_are_the_expected_ones_and_small() {
    let mut kfuncs = 0;
    for (name, by, words, item) in ITEMS {
        let whole = by.expand(words, item).to_string();
        // A derive adds to the item, an attribute emits it: cut it off in front.
        let at = whole.find("const _ : ()").unwrap_or_else(|| panic!("{name} is refused: {whole}"));
        let (Some(item), Some(added)) = (formatted(item), formatted(&whole[at..])) else {
            opswap_skips::skipped("there is no rustfmt");
            return;
        };
        let lines = added.lines().count();
        if by == Macro::Kfunc {
            kfuncs += 1;
            assert!(lines <= MAX_KFUNC_LINES, "{name}: {lines} lines are added:\n{added}");
            let long = added.lines().find(|line| line.chars().count() > MAX_WIDTH);
            assert_eq!(long, None, "{name}: a line of more than {MAX_WIDTH} characters");
        }
        let found = format!("{item}{RULE}{added}");
        if std::env::var_os("BLESS").is_some() {
            fs::write(golden(name), &found).expect("expected/ can be written");
        }
        let expected = fs::read_to_string(golden(name)).unwrap_or_default();
        assert!(expected == found, "{name} differs from expected/{name}.rs (BLESS=1 renews it):\n{found}");
    }
    assert!(kfuncs >= 10, "only {kfuncs} kfuncs are among the items");
}
