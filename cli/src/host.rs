//! [`Host`]: against what programs are verified, by the options `--host` and `--linux`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use opswap::bpf::btf::Signedness;
use opswap::bpf::insn::Size;
use opswap::bpf::proto::{ContextLayout, MemAccess, ReturnRule, Sleepable};
use opswap::bpf::{Btf, EntryProto};
use opswap::loader::ObjectFile;
use opswap::{Builder, Limits, LoadError, Runtime, Verdict, WalkLog};
use opswap_linux::Linux;

use crate::args::HostArgs;
use crate::failure::{self, Failure};
use crate::{declared, files};

/// The running kernel's types.
const VMLINUX: &str = "/sys/kernel/btf/vmlinux";

/// Against what programs are verified.
#[derive(Debug)]
pub enum Host {
    /// What an application declares; without one, core helpers and maps only.
    Application(Runtime),
    /// A kernel.
    Linux(Box<Linux>),
}

impl Host {
    /// What the options ask for.
    ///
    /// # Errors
    /// A file cannot be read or is not what it should be.
    pub fn open(args: &HostArgs) -> Result<Self, Failure> {
        match (&args.host, &args.linux) {
            (Some(file), _) => Ok(Self::Application(builder().build_with(declared::read(file)?))),
            (None, Some(types)) => Ok(Self::Linux(Box::new(linux(types.as_deref())?))),
            (None, None) => {
                let runtime = builder().build().map_err(|error| Failure::Check(failure::chain(&error)))?;
                Ok(Self::Application(runtime))
            }
        }
    }

    /// A verdict on every program of an object.
    ///
    /// # Errors
    /// The object cannot be read.
    pub fn verdicts(&self, bytes: &[u8], log: WalkLog) -> Result<Vec<Verdict>, LoadError> {
        match self {
            Self::Application(runtime) => match log {
                WalkLog::Dropped => runtime.verify(bytes),
                WalkLog::Kept => runtime.verify_logged(bytes),
            },
            Self::Linux(linux) => {
                let object = ObjectFile::parse(bytes)?;
                let verdicts = object.programs().iter().enumerate().map(|(index, image)| {
                    let linked = object.link(index, linux.kind(&object, index), &**linux);
                    Verdict::of(image, linked.map_err(LoadError::from), &**linux, &Limits::default(), log)
                });
                Ok(verdicts.collect())
            }
        }
    }
}

fn builder() -> Builder {
    Runtime::builder().entry("syscall", syscall())
}

/// What every host without program types of its own lets programs be: `SEC("syscall")`, with plain memory as Linux has it.
fn syscall() -> EntryProto {
    EntryProto {
        name: "syscall".to_owned(),
        context: ContextLayout::Memory { size: 65_535, access: MemAccess::ReadWrite },
        ret: ReturnRule::Scalar { size: Size::DW, signed: Signedness::Unsigned },
        sleepable: Sleepable::Yes,
        declared_at: None,
    }
}

/// A kernel over the running one's types, or those of a file.
///
/// # Errors
/// The types cannot be read.
pub fn linux(types: Option<&Path>) -> Result<Linux, Failure> {
    let file = types.map_or_else(|| PathBuf::from(VMLINUX), Path::to_path_buf);
    let bytes = files::read(&file)?;
    let wrong = |error: &dyn std::error::Error| Failure::input(file.display(), failure::chain(error));
    let btf = Btf::parse(&bytes).map_err(|error| wrong(&error))?;
    Linux::new(Arc::new(btf)).map_err(|error| wrong(&error))
}
