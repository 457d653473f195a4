//! What the three commands say of a file.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub(crate) fn opswap(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_opswap")).args(args).output().expect("the command runs")
}

/// What a successful command printed.
pub(crate) fn printed(args: &[&str]) -> String {
    let output = opswap(args);
    assert!(output.status.success(), "{args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("text")
}

/// What the three commands say.
#[derive(PartialEq, Debug)]
pub(crate) struct Said {
    pub(crate) inspect: String,
    pub(crate) header: String,
    interface: Vec<u8>,
    /// Where the interface was written.
    pub(crate) file: PathBuf,
}

impl Said {
    /// Of a built binary. The interface file is written beside it.
    pub(crate) fn of(binary: &Path) -> Self {
        let path = text(binary);
        let file = PathBuf::from(format!("{path}.btf"));
        let silent = printed(&["interface", path, "-o", text(&file)]);
        assert!(silent.is_empty(), "{silent}");
        Self {
            inspect: printed(&["inspect", path, "--json"]),
            header: printed(&["header", path]),
            interface: std::fs::read(&file).expect("written"),
            file,
        }
    }

    /// Whether another build says the same.
    pub(crate) fn equals(&self, other: &Self) -> bool {
        (&self.inspect, &self.header, &self.interface) == (&other.inspect, &other.header, &other.interface)
    }
}

pub(crate) fn text(path: &Path) -> &str {
    path.to_str().expect("a plain path")
}
