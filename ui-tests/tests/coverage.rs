//! What the pass cases cover: every row of the tables in `docs/ownership.md`, every attribute word, every raw suffix, every form of a
//! table of operations. The things are read from where they are defined; below stands which case shows each, and by what text.

use std::fs;
use std::path::{Path, PathBuf};

/// Pass cases that there are at least.
const CASES: usize = 30;

/// A thing, the pass case that contains it, and the text by which it is found there.
type Shown = (&'static str, &'static str, &'static str);

/// Rows of the table of parameters, by what stands in their first back quotes.
const PARAMETERS: &[Shown] = &[
    ("u32", "every_parameter", "a: u8, b: i16, c: u32, d: i64, e: usize"),
    ("bool", "every_parameter", "flag: bool"),
    ("Mode", "every_parameter", "mode: Mode"),
    ("Const<u64>", "every_parameter", "number: Const<u64>"),
    ("&T", "every_parameter", "one: &Flow"),
    ("Option<&T>", "every_parameter", "two: Option<&Flow>"),
    ("Rcu<'_, T>", "every_parameter", "three: Rcu<'_, Flow>"),
    ("&mut T", "every_parameter", "flow: &mut Flow"),
    ("KRef<T>", "every_word_alone", "fn release(flow: KRef<Flow>)"),
    ("Option<KRef<T>>", "every_parameter", "Option<KRef<Flow>>"),
    ("&KptrSlot<T>", "every_parameter", "slot: &KptrSlot<Flow>"),
    ("&[u8]", "memory_arguments", "bytes: &[u8]"),
    ("&[u32]", "memory_arguments", "points: &[Point]"),
    ("&mut [u8]", "memory_arguments", "words: &mut [u64]"),
    ("&mut Out<[u8]>", "memory_arguments", "bytes: &mut Out<[u8]>"),
    ("&ConstSize<[u8]>", "memory_arguments", "bytes: &ConstSize<[u8]>"),
    ("Option<&[u8]>", "memory_arguments", "bytes: Option<&[u8]>"),
    ("&u64", "memory_arguments", "number: &u64, total: &mut i32, array: &[u16; 3]"),
    ("&CStr", "every_parameter", "&CStr"),
    ("&Map", "every_parameter", "any: &Map"),
    ("&MapOf<u32, u64>", "every_parameter", "typed: &MapOf<u32, u64>"),
    ("Callback<fn(u64, &T) -> i64>", "callbacks", "Callback<fn("),
    ("&SpinLock", "raw_suffixes", "lock: *mut SpinLock"),
    ("&ListNode", "raw_suffixes", "own: *mut ListNode"),
    ("&Dynptr", "stack_objects", "read: &Dynptr"),
    ("&mut Dynptr", "stack_objects", "write: &mut Dynptr"),
    ("Uninit<Dynptr>", "stack_objects", "room: Uninit<Dynptr>"),
    ("Uninit<Iter<Seq>>", "stack_objects", "it: Uninit<'_, Iter<Seq>>"),
    ("&mut Iter<Seq>", "stack_objects", "it: &mut Iter<Seq>"),
    ("&Iter<Seq>", "stack_objects", "it: &Iter<Seq>"),
    ("Uninit<IrqFlag>", "stack_objects", "save: Uninit<IrqFlag>"),
    ("&mut IrqFlag", "stack_objects", "restore: &mut IrqFlag"),
    ("&CallSite", "every_word_alone", "site: &CallSite"),
    ("Ignored<u64>", "every_parameter", "Ignored<"),
    ("*mut T", "raw_mode", "task: *mut Task"),
];

/// Rows of the table of returns.
const RETURNS: &[Shown] = &[
    ("i8", "every_return", "fn number() -> i8"),
    ("()", "every_return", "fn nothing() {}"),
    ("Result<u32, Errno>", "every_return", "-> Result<u32, Errno>"),
    ("KRef<T>", "every_return", "fn owned() -> KRef<Flow>"),
    ("Option<KRef<T>>", "every_return", "-> Option<KRef<Flow>>"),
    ("&T", "every_return", "fn tied_by_elision(flow: &Flow, number: u32) -> &Flow"),
    ("&'static T", "every_return", "-> &'static Flow"),
    ("Option<&T>", "every_return", "-> Option<&'a Flow>"),
    ("&u64", "every_word_alone", "-> Option<&u64>"),
    ("Rcu<'_, T>", "every_word_alone", "-> Rcu<'_, Flow>"),
    ("&[u8]", "buffer_sizes", "rdonly_buf_size: Const<u32>) -> &[u8]"),
    ("&mut [u8]", "buffer_sizes", "rdwr_buf_size: Const<u32>) -> Option<&mut [u8]>"),
];

/// Words of `#[kfunc]`.
const WORDS: &[Shown] = &[
    ("acquire", "every_word_alone", "#[kfunc(acquire)]"),
    ("release", "every_word_alone", "#[kfunc(release)]"),
    ("ret_null", "every_word_alone", "#[kfunc(ret_null)]"),
    ("kptr_get", "every_word_alone", "#[kfunc(kptr_get)]"),
    ("trusted_args", "every_word_alone", "#[kfunc(trusted_args)]"),
    ("sleepable", "every_word_alone", "#[kfunc(sleepable)]"),
    ("destructive", "every_word_alone", "#[kfunc(destructive)]"),
    ("rcu", "every_word_alone", "#[kfunc(rcu)]"),
    ("iter_new", "every_word_alone", "#[kfunc(iter_new)]"),
    ("iter_next", "every_word_alone", "#[kfunc(iter_next)]"),
    ("iter_destroy", "every_word_alone", "#[kfunc(iter_destroy)]"),
    ("rcu_protected", "every_word_alone", "#[kfunc(rcu_protected)]"),
    ("fastcall", "every_word_alone", "#[kfunc(fastcall)]"),
    ("implicit_args", "every_word_alone", "#[kfunc(implicit_args)]"),
    ("spinlock_safe", "every_word_alone", "#[kfunc(spinlock_safe)]"),
    ("perfmon", "every_word_alone", "#[kfunc(perfmon)]"),
    ("dtor", "destructors", "#[kfunc(dtor)]"),
    ("name", "every_word", "name = \"flow_window\""),
    ("set", "sets_and_filters", "set = BOTH"),
    ("programs", "every_word", "programs(struct_ops, tracing)"),
    ("filter", "sets_and_filters", "filter = only_named"),
    ("deprecated", "every_word", "deprecated = \"read the field\""),
    ("crate", "every_word", "crate = ::opswap"),
];

/// What the kernel reads from names.
const SUFFIXES: &[Shown] = &[
    ("__sz", "raw_suffixes", "mem__sz: u32"),
    ("__szk", "raw_suffixes", "two__szk: u32"),
    ("__k", "raw_suffixes", "number__k: u64"),
    ("__uninit", "raw_suffixes", "mem__uninit: *mut c_void"),
    ("__opt", "raw_suffixes", "mem__opt: *mut c_void"),
    ("__nullable", "raw_suffixes", "object__nullable: *mut Holder"),
    ("__ign", "raw_suffixes", "any__ign: *mut c_void"),
    ("__str", "raw_suffixes", "text__str: *const c_char"),
    ("__map", "raw_suffixes", "map__map: *mut c_void"),
    ("__const_map", "raw_suffixes", "own__const_map: *mut c_void"),
    ("__alloc", "raw_suffixes", "object__alloc: *mut c_void"),
    ("__refcounted_kptr", "raw_suffixes", "object__refcounted_kptr: *mut c_void"),
    ("__irq_flag", "raw_suffixes", "flags__irq_flag: *mut u64"),
    ("__iter", "raw_suffixes", "it__iter: *mut State"),
    ("__prog", "raw_suffixes", "aux__prog: *mut c_void"),
    ("__nonown_allowed", "raw_suffixes", "node__nonown_allowed: *mut ListNode"),
    ("rdonly_buf_size", "buffer_sizes", "unsafe fn raw_read(buffer: *mut Buffer, rdonly_buf_size: u32)"),
    ("rdwr_buf_size", "buffer_sizes", "unsafe fn raw_write(buffer: *mut Buffer, rdwr_buf_size: u32)"),
    ("___init", "init_types", "#[btf(name = \"conn___init\")]"),
];

/// Forms of a table of operations.
const FORMS: &[Shown] = &[
    ("required", "operations_presence", "#[op(required)]"),
    ("optional", "operations_presence", "optional: fn(now: u64) -> u64"),
    ("optional without a native one", "operations_presence", "optional_without_native: Option<fn("),
    ("unsupported", "operations_presence", "#[op(unsupported)]"),
    ("sleepable", "operations_presence", "#[op(sleepable)]"),
    ("required and sleepable", "operations_presence", "#[op(required, sleepable)]"),
    ("shared argument", "operations_objects", "shared: fn(packet: &Packet)"),
    ("nullable argument", "operations_objects", "nullable: fn(packet: Option<&Packet>)"),
    ("exclusive argument", "operations_objects", "exclusive: fn(packet: &mut Packet)"),
    ("owned argument (`__ref`)", "operations_objects", "owned: fn(packet: KRef<Packet>)"),
    ("owned argument or NULL", "operations_objects", "owned_or_null: fn(packet: Option<KRef<Packet>>)"),
    ("kptr return", "operations_objects", "gives: fn() -> KRef<Packet>"),
    ("kptr return or NULL", "operations_objects", "-> Option<KRef<Packet>>>"),
    ("struct by value in one slot", "operations_by_value", "one: fn(address: Address"),
    ("struct by value in two slots", "operations_by_value", "two: fn(pair: Pair)"),
    ("memory", "every_argument_of_operations", "memory: fn(counter: &mut u64"),
    ("slice", "every_argument_of_operations", "slice: fn(data: &[u8]"),
    ("more than six arguments", "operations_of_many_arguments", "seven: fn("),
    ("twelve arguments", "operations_of_many_arguments", "twelve: fn("),
    ("data members", "operations_data_members", "limits: Limits"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("ui-tests lies in the workspace").to_path_buf()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Compares a list with what its source defines, in order, and each entry with its pass case.
fn check(what: &str, shown: &[Shown], defined: &[String]) {
    let named: Vec<&str> = shown.iter().map(|(thing, ..)| *thing).collect();
    assert_eq!(named, defined, "{what}: on the left what this test knows, on the right what there is");
    cases(what, shown);
}

fn cases(what: &str, shown: &[Shown]) {
    for (thing, case, text) in shown {
        let source = read(&format!("ui-tests/tests/pass/{case}.rs"));
        assert!(source.contains(text), "{what}: {case}.rs does not show `{thing}`: it lacks `{text}`");
    }
}

/// The first text in back quotes of each row below a heading, up to the next one.
fn rows(document: &str, heading: &str) -> Vec<String> {
    let section = document.split(heading).nth(1).expect("the heading is there");
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Rust"));
    rows.map(|row| row.split('`').nth(1).expect("a row begins with a type").to_owned()).collect()
}

#[test]
fn there_are_as_many_pass_cases_as_promised() {
    let folder = fs::read_dir(root().join("ui-tests/tests/pass")).expect("the folder is there");
    let cases = folder.filter(|entry| {
        entry.as_ref().is_ok_and(|entry| entry.path().extension().is_some_and(|extension| extension == "rs"))
    });
    let count = cases.count();
    assert!(count >= CASES, "{count} of {CASES}");
}

#[test]
fn every_row_of_both_tables_has_a_pass_case() {
    let document = read("docs/ownership.md");
    check("parameters", PARAMETERS, &rows(&document, "\n## Parameters\n"));
    check("returns", RETURNS, &rows(&document, "\n## Returns\n"));
}

/// The words in quotes that stand behind one of these calls, or in the list of words with a value.
#[test]
fn every_word_has_a_pass_case() {
    let source = read("macros/src/kfunc/flags.rs");
    let table = source.split("const FLAGS").nth(1).expect("the table of flags");
    let table = table.split("];").next().unwrap_or_default();
    let valued = source.split("const VALUED").nth(1).expect("the words with a value");
    let quoted = |text: &str| text.split('"').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
    let mut words = quoted(table);
    words.extend(quoted(valued.split("];").next().unwrap_or_default()));
    check("words", WORDS, &words);
}

#[test]
fn every_suffix_has_a_pass_case() {
    cases("suffixes", SUFFIXES);
    // The table in the module's documentation names them all, but for the suffix of types.
    let source = read("runtime/src/types/raw.rs");
    for row in source.lines().filter(|line| line.starts_with("//! | `")) {
        let cell = row.split('|').nth(1).unwrap_or_default();
        for name in cell.split('`').skip(1).step_by(2) {
            let suffix = name.trim_start_matches('x');
            assert!(SUFFIXES.iter().any(|(thing, ..)| *thing == suffix), "`{suffix}` has no pass case");
        }
    }
}

#[test]
fn every_form_of_a_table_has_a_pass_case() {
    cases("forms", FORMS);
}
