//! What Linux's own tools say of a program's BTF: `bpftool` and `pahole` read all of it without a complaint, clang takes what
//! `bpftool` writes as C, and `pahole` sees every struct as large as it is.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use opswap::bpf::{Btf, BtfType};

/// Asks a tool about a file with a BTF; panics with its complaint.
type Judge = fn(&Path, &str, &Btf);

/// Where Debian puts `bpftool`, which is not in everybody's PATH.
const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];

/// A tool, if it is installed.
fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(FOLDERS.map(PathBuf::from));
    folders.map(|folder| folder.join(name)).find(|file| file.is_file())
}

/// Runs a tool that has to succeed.
fn run(tool: &Path, args: &[&str]) -> (String, Vec<String>) {
    let Output { status, stdout, stderr } = Command::new(tool).args(args).output().expect("it runs");
    let complaints: Vec<String> = String::from_utf8_lossy(&stderr).lines().map(str::to_owned).collect();
    assert!(status.success(), "{} {args:?}: {status}: {complaints:?}", tool.display());
    (String::from_utf8(stdout).expect("text"), complaints)
}

/// Asks each tool about `bytes`, the BTF of `name`; gives how many were asked, and how many are not installed.
pub(crate) fn judge(folder: &Path, name: &str, bytes: &[u8]) -> (usize, usize) {
    std::fs::create_dir_all(folder).expect("the target folder is writable");
    let file = folder.join(format!("{name}.btf"));
    std::fs::write(&file, bytes).expect("written");
    let file = file.to_str().expect("a plain path");
    let btf = Btf::parse(bytes).expect("our own reader takes it");
    let judges: [(&str, Judge); 3] = [("bpftool", bpftool), ("pahole", pahole), ("clang-19", clang)];
    let (mut asked, mut skipped) = (0, 0);
    for (tool_name, ask) in judges {
        match (tool(tool_name), tool_name == "clang-19" && tool("bpftool").is_none()) {
            (Some(found), false) => {
                ask(&found, file, &btf);
                asked += 1;
            }
            (Some(_) | None, _) => {
                opswap_skips::skipped(format_args!("{name}: {tool_name} or what it needs is not installed"));
                skipped += 1;
            }
        }
    }
    println!("{name}: {} types, {asked} tools asked, {skipped} skipped", btf.len());
    (asked, skipped)
}

/// Every record is in the raw dump, and every struct in the C one.
fn bpftool(tool: &Path, file: &str, btf: &Btf) {
    let (raw, complaints) = run(tool, &["btf", "dump", "file", file, "format", "raw"]);
    assert!(complaints.is_empty(), "{file}: {complaints:?}");
    let records = raw.lines().filter(|line| line.starts_with('[')).count();
    assert_eq!(records, btf.len() - 1, "{file}: records in the raw dump");
    for word in ["UNKN", "<invalid", "(anon) FUNC"] {
        assert!(!raw.contains(word), "{file}: `{word}` in the raw dump");
    }
    let (text, complaints) = run(tool, &["btf", "dump", "file", file, "format", "c"]);
    assert!(complaints.is_empty(), "{file}: {complaints:?}");
    for (name, _) in structs(btf) {
        assert!(text.contains(&format!("struct {name} {{")), "{file}: no struct `{name}` in the C dump");
    }
}

/// What `bpftool` writes is C.
fn clang(tool: &Path, file: &str, _btf: &Btf) {
    let bpftool = self::tool("bpftool").expect("the caller looked");
    let (text, _) = run(&bpftool, &["btf", "dump", "file", file, "format", "c"]);
    let source = format!("{file}.c");
    std::fs::write(&source, text).expect("written");
    let object = format!("{file}.o");
    let args = ["-target", "bpf", "-g", "-Wall", "-Werror", "-c", &source, "-o", &object];
    let (_, complaints) = run(tool, &args);
    assert!(complaints.is_empty(), "{complaints:?}");
}

/// Each struct has the size that its author's compiler gave it.
fn pahole(tool: &Path, file: &str, btf: &Btf) {
    let (text, mut complaints) = run(tool, &[file]);
    // Before 1.25 pahole knows no declaration tags, and says so once for each, clang's own included.
    let tags = btf.iter().filter(|(_, ty)| matches!(ty, BtfType::DeclTag { .. })).count();
    let before = complaints.len();
    complaints.retain(|line| !line.ends_with("Unknown kind 17"));
    assert!(complaints.is_empty(), "{file}: {complaints:?}");
    assert!(before == 0 || before == tags, "{file}: {before} complaints about {tags} tags");
    for (name, size) in structs(btf) {
        let Some((_, body)) = text.split_once(&format!("struct {name} {{")) else {
            panic!("{file}: no struct `{name}`");
        };
        let stated = body.split("/* size: ").nth(1).and_then(|rest| rest.split(',').next());
        assert_eq!(stated, Some(size.to_string().as_str()), "{file}: size of `{name}`");
    }
}

/// Structs with members, by name and size: those without are forward declarations to the tools.
fn structs(btf: &Btf) -> impl Iterator<Item = (&str, u32)> {
    btf.iter().filter_map(|(_, ty)| {
        let BtfType::Struct { name, size, members } = ty else { return None };
        (!members.is_empty()).then_some((name.as_str(), *size))
    })
}
