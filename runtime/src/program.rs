//! [`Program`]: a program that was verified and compiled, and can be run on its own.

use std::fmt;
use std::sync::Arc;

use opswap_bpf::proto::ContextLayout;
use opswap_bpf::{EntryProto, ProgramKind};
use opswap_jit::{CodeAddr, Executable};
use opswap_verifier::VerifiedProgram;
use opswap_verifier::verified::Stats;

use crate::declare::TypeKey;
use crate::enter::{self, Entry, EntryAddr};
use crate::error::RunError;
use crate::interpret;
use crate::kernel::{Block, Packet, Unmakeable};
use crate::maps::Map;
use crate::module::loaded::Hold;
use crate::run::{PacketMemory, Run};
use crate::runtime::{Application, HelperSource, Logger};
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

    /// The shim that takes back what a raw kfunc handed out.
    pub(crate) fn raw_destructor(&self, ty: TypeKey) -> Option<CodeAddr> {
        self.compiled()?.application.raw_destructor(ty)
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
    /// What tail calls find; program arrays do not keep it alive.
    #[expect(dead_code, reason = "held, not looked at")]
    targets: Arc<[Arc<ProgramCore>]>,
}

impl Program {
    pub(crate) fn new(core: Arc<ProgramCore>) -> Self {
        Self { core, targets: Arc::new([]) }
    }

    /// What a program array holds.
    #[cfg(test)]
    pub(crate) fn core_for_tests(&self) -> Arc<ProgramCore> {
        Arc::clone(&self.core)
    }

    /// With the programs that its tail calls find.
    pub(crate) fn with_targets(core: Arc<ProgramCore>, targets: Arc<[Arc<ProgramCore>]>) -> Self {
        Self { core, targets }
    }

    fn compiled(&self) -> Option<&Compiled> {
        self.core.compiled()
    }

    /// Name in the object.
    pub fn name(&self) -> &str {
        &self.core.name
    }

    /// The maps of its object, in the object's order.
    pub fn maps(&self) -> &[Arc<Map>] {
        self.compiled().map_or(&[], |compiled| &compiled.maps)
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
        // SAFETY: `standalone` checked that `context` is memory of the shape that the program was verified for; it is borrowed
        // exclusively for the call.
        let value = unsafe { self.execute(engine, compiled, (context.as_mut_ptr(), context.len()), &run) };
        drop(nesting);
        self.outcome(&run, value)
    }

    /// Runs a kernel's program on a packet, whose bytes it may change, and gives `R0`.
    ///
    /// # Errors
    /// The context needs objects of a kernel, the program is not one of a kernel's
    /// ([`Builder::build_over`](crate::Builder::build_over)), or the run ended early.
    pub fn run_packet(&self, engine: Engine, packet: &Packet) -> Result<u64, RunError> {
        let program = || self.core.name.clone();
        let not_standalone = || RunError::NotStandalone { program: program() };
        let compiled = self.compiled().ok_or_else(not_standalone)?;
        if compiled.application.helpers() != HelperSource::Kernel {
            return Err(not_standalone());
        }
        let mut block = Block::new(compiled.proof.entry(), packet).map_err(|why| {
            let what = match why {
                Unmakeable::Arguments => "its context is the arguments of a function there",
                Unmakeable::Object => "its context holds an object that is never NULL",
            };
            RunError::NeedsKernel { program: program(), what: what.to_owned() }
        })?;
        let nesting = Nesting::enter()?;
        let run = Run::new(&self.core);
        let (base, len) = block.packet_memory();
        let (start, network) = (packet.start.min(len), packet.network.min(len));
        run.set_packet(PacketMemory { base, len, start, network });
        // SAFETY: `Block::new` laid the context out as the program's contract says; context and packet live in `block`, which
        // nobody else uses during the call.
        let value = unsafe { self.execute(engine, compiled, block.context_memory(), &run) };
        drop(nesting);
        self.outcome(&run, value)
    }

    /// # Safety
    /// The memory must be of the shape that the program was verified for, and only the program's during the call.
    unsafe fn execute(
        &self,
        engine: Engine,
        compiled: &Compiled,
        (context, size): (*mut u8, usize),
        run: &Run<'_>,
    ) -> u64 {
        match engine {
            Engine::Jit => {
                // SAFETY: `entry` lies in `compiled.code` (INVARIANT 1), which `self.core` keeps mapped during the call.
                let entry = unsafe { Entry::new(self.core.entry.as_ptr()) };
                // SAFETY: the caller's promise.
                unsafe { enter::enter(entry, context, run) }
            }
            Engine::Interpreter => {
                // SAFETY: the caller's promise.
                let result = unsafe { interpret::run(compiled, context, size, run) };
                result.unwrap_or_else(|fault| {
                    run.abort(fault);
                    0
                })
            }
        }
    }

    /// The value of a run that is over, or what ended it early.
    fn outcome(&self, run: &Run<'_>, value: u64) -> Result<u64, RunError> {
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
