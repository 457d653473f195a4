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

type Expand = fn(TokenStream) -> TokenStream;

/// Name of the golden file, the item's attribute and body, and who expands it.
const ITEMS: [(&str, &str, &str, Expand); 11] = [
    ("kfunc_plain", "", "fn add(a: u32, b: i16) -> u64 { a as u64 + b as u64 }", kfunc_plain),
    (
        "kfunc_acquire",
        "acquire, ret_null",
        "/// Finds a flow.\nfn flow_find(table: &Table, number: u32) -> Option<KRef<Flow>> { table.find(number) }",
        kfunc_acquire,
    ),
    ("kfunc_release", "release", "fn flow_put(flow: KRef<Flow>) { drop(flow) }", kfunc_release),
    ("kfunc_exclusive", "", "fn flow_set(flow: &mut Flow, window: u32) { flow.cwnd = window }", kfunc_plain),
    ("kfunc_tied", "", "fn pick<'a>(flow: &'a Flow, peer: &Peer) -> &'a Path { &flow.path }", kfunc_plain),
    (
        "kfunc_every_word",
        "sleepable, name = \"flow_read\", programs(struct_ops, tracing), filter = allow, deprecated = \"use flow_get\", crate = swap",
        "fn read(flow: &Flow, to: &mut [u8]) -> Result<u32, Errno> { Ok(0) }",
        kfunc_every_word,
    ),
    (
        "btf_struct",
        "",
        "/// A flow.\n#[repr(C)] struct Flow { cwnd: u32, #[btf(ro)] id: u64, #[btf(skip)] name: String, next: *mut Flow }",
        crate::btf::expand,
    ),
    ("btf_enum", "", "#[repr(u8)] enum Mode { Slow, Fast = 7 }", crate::btf::expand),
    (
        "iterator_function",
        "",
        "/// Numbers.\nfn numbers(from: i64, to: i64) -> impl Iterator<Item = i64> { from..to }",
        iterator_plain,
    ),
    (
        "struct_ops_plain",
        "",
        "pub struct FlowOps { grow: fn(flow: &mut Flow, by: u32) -> u32, flags: u32 }",
        struct_ops_plain,
    ),
    (
        "struct_ops_every_form",
        "",
        "/// Operations.\npub struct FlowOps { #[op(required)] grow: fn(flow: &mut Flow), #[op(sleepable)] start: Option<fn(peer: Option<&Peer>)>, \
         #[op(unsupported)] undo: fn(flow: &mut Flow) -> u32, take: Option<fn(flow: KRef<Flow>) -> Option<KRef<Flow>>>, name: [u8; 16] }",
        struct_ops_plain,
    ),
];

fn tokens(text: &str) -> TokenStream {
    text.parse().expect("the items above are Rust")
}

fn kfunc_plain(item: TokenStream) -> TokenStream {
    crate::kfunc::expand(TokenStream::new(), item)
}

fn iterator_plain(item: TokenStream) -> TokenStream {
    crate::iterator::expand(TokenStream::new(), item)
}

fn kfunc_acquire(item: TokenStream) -> TokenStream {
    crate::kfunc::expand(tokens(ITEMS[1].1), item)
}

fn kfunc_release(item: TokenStream) -> TokenStream {
    crate::kfunc::expand(tokens(ITEMS[2].1), item)
}

fn kfunc_every_word(item: TokenStream) -> TokenStream {
    crate::kfunc::expand(tokens(ITEMS[5].1), item)
}

fn struct_ops_plain(item: TokenStream) -> TokenStream {
    crate::struct_ops::expand(TokenStream::new(), item)
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
    for (name, _, item, expand) in ITEMS {
        let whole = expand(tokens(item)).to_string();
        // A derive adds to the item, an attribute emits it: cut it off in front.
        let added = whole.find("const _ : ()").map_or("", |at| &whole[at..]);
        let (Some(item), Some(added)) = (formatted(item), formatted(added)) else {
            opswap_skips::skipped("there is no rustfmt");
            return;
        };
        let lines = added.lines().count();
        if name.starts_with("kfunc") {
            assert!(lines <= MAX_KFUNC_LINES, "{name}: {lines} lines are added:\n{added}");
        }
        let found = format!("{item}{RULE}{added}");
        if std::env::var_os("BLESS").is_some() {
            fs::write(golden(name), &found).expect("expected/ can be written");
        }
        let expected = fs::read_to_string(golden(name)).unwrap_or_default();
        assert!(expected == found, "{name} differs from expected/{name}.rs (BLESS=1 renews it):\n{found}");
    }
}
