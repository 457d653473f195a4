//! [`Program`]: a program that was verified and compiled, and can be run on its own.

use std::fmt;
use std::sync::Arc;

use opswap_bpf::proto::ContextLayout;
use opswap_bpf::{EntryProto, ProgramKind};
use opswap_jit::Executable;
use opswap_verifier::VerifiedProgram;
use opswap_verifier::verified::Stats;

use crate::enter::{self, Entry, EntryAddr};
use crate::error::RunError;
use crate::interpret;
use crate::maps::Map;
use crate::module::loaded::Hold;
use crate::run::Run;
use crate::runtime::{Application, Logger};
use crate::struct_ops::Nesting;

/// What a loaded program consists of; shared by every handle and every version that uses it.
#[derive(Debug)]
pub(crate) struct ProgramCore {
    /// Name in the object.
    pub(crate) name: String,
    /// INVARIANT 1: lies in `compiled.code`, or in code that is never unmapped.
    entry: EntryAddr,
    logger: Logger,
    /// `None` for a program that is never entered, and where a test makes an entry by hand.
    compiled: Option<Compiled>,
}

/// The proof, the code, and all that the code has the address of.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) proof: VerifiedProgram,
    pub(crate) code: Executable,
    pub(crate) maps: Arc<[Arc<Map>]>,
    pub(crate) application: Arc<dyn Application>,
    /// The modules whose code it calls, or whose operation it implements. Let go last.
    pub(crate) _holds: Vec<Hold>,
}

impl ProgramCore {
    pub(crate) fn new(compiled: Compiled, logger: Logger) -> Self {
        Self {
            name: compiled.proof.program().name.clone(),
            entry: EntryAddr::of(&compiled.code),
            logger,
            compiled: Some(compiled),
        }
    }

    /// What stands where a table provides no program: never entered.
    pub(crate) fn absent() -> Self {
        Self { name: String::new(), entry: EntryAddr::NOWHERE, logger: Logger::silent(), compiled: None }
    }

    /// An entry that was made by hand.
    #[cfg(test)]
    pub(crate) fn by_hand(name: &str, entry: EntryAddr) -> Self {
        Self { name: name.to_owned(), entry, logger: Logger::default(), compiled: None }
    }

    /// The proof and the code, unless the entry was made by hand.
    pub(crate) fn compiled(&self) -> Option<&Compiled> {
        self.compiled.as_ref()
    }

    pub(crate) fn log(&self, line: &str) {
        self.logger.log(line);
    }

    /// Entry of the compiled code.
    pub(crate) fn entry(&self) -> EntryAddr {
        self.entry
    }
}

/// Who executes a program.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Engine {
    /// The compiled code.
    Jit,
    /// The reference interpreter: slow, every access checked.
    Interpreter,
}

/// A loaded program. Clones are the same program.
#[derive(Clone)]
pub struct Program {
    core: Arc<ProgramCore>,
}

impl Program {
    pub(crate) fn new(core: Arc<ProgramCore>) -> Self {
        Self { core }
    }

    fn compiled(&self) -> Option<&Compiled> {
        self.core.compiled()
    }

    /// Name in the object.
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// What it is for, and its instructions.
    pub fn linked(&self) -> Option<&opswap_bpf::Program> {
        self.compiled().map(|compiled| compiled.proof.program())
    }

    /// The contract against which it was verified.
    pub fn contract(&self) -> Option<&EntryProto> {
        self.compiled().map(|compiled| compiled.proof.entry())
    }

    /// What the verifier counted.
    pub fn stats(&self) -> Stats {
        self.compiled().map(|compiled| compiled.proof.stats()).unwrap_or_default()
    }

    /// The machine code.
    pub fn machine_code(&self) -> &[u8] {
        self.compiled().map_or(&[], |compiled| compiled.code.bytes())
    }

    /// Runs the compiled program on `context` and gives `R0`.
    ///
    /// # Errors
    /// `context` has not the size that the program was verified for, the program implements an operation, or the run ended early.
    pub fn run(&self, context: &mut [u8]) -> Result<u64, RunError> {
        self.run_with(Engine::Jit, context)
    }

    /// Like [`run`](Self::run), by the engine of choice.
    ///
    /// # Errors
    /// As for `run`.
    pub fn run_with(&self, engine: Engine, context: &mut [u8]) -> Result<u64, RunError> {
        let compiled = self.standalone(context)?;
        let nesting = Nesting::enter()?;
        let run = Run::new(&self.core);
        let value = match engine {
            Engine::Jit => {
                // SAFETY: `entry` lies in `compiled.code` (INVARIANT 1), which `self.core` keeps mapped during the call.
                let entry = unsafe { Entry::new(self.core.entry.as_ptr()) };
                // SAFETY: `standalone` checked that `context` is memory of the shape that the program was verified for; it is
                // borrowed exclusively for the call.
                unsafe { enter::enter(entry, context.as_mut_ptr(), &run) }
            }
            Engine::Interpreter => interpret::run(compiled, context, &run).unwrap_or_else(|fault| {
                run.abort(fault);
                0
            }),
        };
        drop(nesting);
        if run.is_clean() {
            return Ok(value);
        }
        if !run.is_aborted() {
            run.abort(RunError::Unbalanced { program: self.core.name.clone() });
        }
        match run.finish() {
            Some(fault) => Err(fault),
            None => Ok(value),
        }
    }

    /// The program's parts, if it may be run on `context`.
    fn standalone(&self, context: &[u8]) -> Result<&Compiled, RunError> {
        let not_standalone = || RunError::NotStandalone { program: self.core.name.clone() };
        let compiled = self.compiled().ok_or_else(not_standalone)?;
        let expected = match (&compiled.proof.program().kind, &compiled.proof.entry().context) {
            (ProgramKind::StructOps { .. }, _) => return Err(not_standalone()),
            (ProgramKind::Named(_), ContextLayout::None) => 0,
            (
                ProgramKind::Named(_),
                ContextLayout::Memory { size, .. } | ContextLayout::Buffer { size, .. },
            ) => *size,
            (ProgramKind::Named(_), ContextLayout::Args(_) | ContextLayout::Fields(_)) => {
                return Err(not_standalone());
            }
        };
        if context.len() == expected as usize {
            Ok(compiled)
        } else {
            Err(RunError::WrongContext { program: self.core.name.clone(), expected, found: context.len() })
        }
    }
}

impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program").field("name", &self.name()).finish_non_exhaustive()
    }
}
