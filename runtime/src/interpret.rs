//! The reference interpreter over real memory: the same maps, helpers and kfuncs as compiled code, every access checked.
//!
//! A program reaches its context, its stack frames and the values of its maps. Host objects behind kfunc pointers are not among
//! them: a program that reads one traps here, while compiled code relies on the verifier's proof.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering};

use opswap_bpf::insn::{Imm64, MapRef, Size};
use opswap_bpf::interp::{self, Access, Args, Budget, Calls, Fault, Machine, Memory, Stop};
use opswap_bpf::proto::ContextLayout;
use opswap_bpf::{HelperId, KfuncId, MapId};
use opswap_jit::CodeAddr;

use crate::enter;
use crate::error::RunError;
use crate::kernel;
use crate::maps::Map;
use crate::program::Compiled;
use crate::run::Run;
use crate::runtime::HelperSource;

/// `bpf_tail_call`.
const TAIL_CALL: HelperId = HelperId(12);

/// Runs a verified program in the interpreter.
///
/// # Safety
/// `size` bytes from `context` are memory that only the program uses during the run, and so is the run's packet.
pub(crate) unsafe fn run(
    compiled: &Compiled,
    context: *mut u8,
    size: usize,
    run: &Run<'_>,
) -> Result<u64, RunError> {
    let program = compiled.proof.program();
    let context =
        Span { start: context.expose_provenance() as u64, bytes: size as u64, writable: Writable::Yes };
    let mut memory = RealMemory { spans: spans(compiled, context, run), frames: Vec::new() };
    let mut calls = RealCalls { compiled, run };
    let size = size as u64;
    let pointer = if size == 0 { 0 } else { context.start };
    let args: Args = match &compiled.proof.entry().context {
        ContextLayout::Buffer { .. } => [pointer, size, 0, 0, 0],
        ContextLayout::None
        | ContextLayout::Args(_)
        | ContextLayout::Fields(_)
        | ContextLayout::Memory { .. } => [pointer, 0, 0, 0, 0],
    };
    interp::run(compiled.proof.xlated(), args, &mut memory, &mut calls, Budget::default())
        .map(|outcome| outcome.r0())
        .map_err(|trap| RunError::Interpreter { program: program.name.clone(), reason: trap.to_string() })
}

/// Memory that a program may reach, and how.
#[derive(Clone, Copy, Debug)]
struct Span {
    start: u64,
    bytes: u64,
    writable: Writable,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Writable {
    No,
    Yes,
}

impl Span {
    fn covers(&self, address: u64, bytes: u32) -> bool {
        address
            .checked_sub(self.start)
            .and_then(|offset| offset.checked_add(u64::from(bytes)))
            .is_some_and(|end| end <= self.bytes)
    }
}

fn spans(compiled: &Compiled, context: Span, run: &Run<'_>) -> Vec<Span> {
    let packet = run.packet().map(|packet| Span {
        start: packet.base as u64,
        bytes: packet.len as u64,
        writable: Writable::Yes,
    });
    let values = compiled.maps.iter().map(|map| {
        let (start, bytes) = map.value_memory();
        let writable = if map.is_read_only_to_programs() { Writable::No } else { Writable::Yes };
        Span { start: start as u64, bytes: bytes as u64, writable }
    });
    std::iter::once(context).chain(packet).chain(values).collect()
}

/// Memory of the process, as far as a program may reach it.
struct RealMemory {
    spans: Vec<Span>,
    /// INVARIANT 1: never resized while they are here, so their addresses hold.
    frames: Vec<Box<[AtomicU64]>>,
}

impl RealMemory {
    /// The pointer behind an address, when one span or frame holds all bytes of the access and allows it.
    fn reach(&self, address: u64, size: Size, access: Access) -> Result<*mut u8, Fault> {
        let bytes = size.bytes();
        let in_frame = || self.frames.iter().any(|frame| frame_span(frame).covers(address, bytes));
        let in_span = || {
            self.spans.iter().any(|span| {
                span.covers(address, bytes) && (access == Access::Read || span.writable == Writable::Yes)
            })
        };
        if in_frame() || in_span() {
            Ok(std::ptr::with_exposed_provenance_mut(address as usize))
        } else {
            Err(Fault { address, bytes, access })
        }
    }
}

fn frame_span(frame: &[AtomicU64]) -> Span {
    Span {
        start: frame.as_ptr().expose_provenance() as u64,
        bytes: std::mem::size_of_val(frame) as u64,
        writable: Writable::Yes,
    }
}

/// Reads a number atomically where it is aligned, byte by byte where it is not.
///
/// # Safety
/// The bytes are mapped, and no Rust reference to them is live that is not to atomics or cells.
unsafe fn read(pointer: *mut u8, size: Size) -> u64 {
    let aligned = pointer.addr().is_multiple_of(size.bytes() as usize);
    match size {
        // SAFETY: the caller's promise; aligned, as checked.
        Size::DW if aligned => unsafe { AtomicU64::from_ptr(pointer.cast()) }.load(Ordering::Relaxed),
        // SAFETY: as above.
        Size::W if aligned => unsafe { AtomicU32::from_ptr(pointer.cast()) }.load(Ordering::Relaxed).into(),
        // SAFETY: as above.
        Size::H if aligned => unsafe { AtomicU16::from_ptr(pointer.cast()) }.load(Ordering::Relaxed).into(),
        Size::B | Size::H | Size::W | Size::DW => (0..size.bytes() as usize).rev().fold(0, |value, at| {
            // SAFETY: a byte of the access.
            let byte = unsafe { AtomicU8::from_ptr(pointer.wrapping_add(at)) }.load(Ordering::Relaxed);
            value << 8 | u64::from(byte)
        }),
    }
}

/// Writes the low bytes of a number, atomically where it is aligned.
///
/// # Safety
/// As for [`read`], and the bytes may be written.
unsafe fn write(pointer: *mut u8, size: Size, value: u64) {
    let aligned = pointer.addr().is_multiple_of(size.bytes() as usize);
    match size {
        // SAFETY: the caller's promise; aligned, as checked.
        Size::DW if aligned => unsafe { AtomicU64::from_ptr(pointer.cast()) }.store(value, Ordering::Relaxed),
        Size::W if aligned => {
            // SAFETY: as above.
            unsafe { AtomicU32::from_ptr(pointer.cast()) }.store(value as u32, Ordering::Relaxed);
        }
        Size::H if aligned => {
            // SAFETY: as above.
            unsafe { AtomicU16::from_ptr(pointer.cast()) }.store(value as u16, Ordering::Relaxed);
        }
        Size::B | Size::H | Size::W | Size::DW => {
            for (at, byte) in value.to_le_bytes().into_iter().enumerate().take(size.bytes() as usize) {
                // SAFETY: a byte of the access.
                unsafe { AtomicU8::from_ptr(pointer.wrapping_add(at)) }.store(byte, Ordering::Relaxed);
            }
        }
    }
}

impl Memory for RealMemory {
    fn load(&mut self, address: u64, size: Size) -> Result<u64, Fault> {
        let pointer = self.reach(address, size, Access::Read)?;
        // SAFETY: `reach` found the bytes in a frame of ours, in the context or packet that only this run uses, or in the values
        // of a map, which are atomics.
        Ok(unsafe { read(pointer, size) })
    }

    fn store(&mut self, address: u64, size: Size, value: u64) -> Result<(), Fault> {
        let pointer = self.reach(address, size, Access::Write)?;
        // SAFETY: as for `load`, and the span may be written.
        unsafe { write(pointer, size, value) };
        Ok(())
    }

    fn update(&mut self, address: u64, size: Size, change: &mut dyn FnMut(u64) -> u64) -> Result<u64, Fault> {
        let pointer = self.reach(address, size, Access::Write)?;
        let aligned = pointer.addr().is_multiple_of(size.bytes() as usize);
        match size {
            Size::DW if aligned => {
                // SAFETY: as for `store`; aligned, as checked.
                let cell = unsafe { AtomicU64::from_ptr(pointer.cast()) };
                let (Ok(old) | Err(old)) =
                    cell.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |old| Some(change(old)));
                Ok(old)
            }
            Size::W if aligned => {
                // SAFETY: as for `store`; aligned, as checked.
                let cell = unsafe { AtomicU32::from_ptr(pointer.cast()) };
                let (Ok(old) | Err(old)) = cell
                    .fetch_update(Ordering::SeqCst, Ordering::SeqCst, |old| Some(change(old.into()) as u32));
                Ok(old.into())
            }
            Size::B | Size::H | Size::W | Size::DW => {
                let old = self.load(address, size)?;
                self.store(address, size, change(old))?;
                Ok(old)
            }
        }
    }

    fn push_frame(&mut self, bytes: u32) -> Result<u64, Fault> {
        let frame: Box<[AtomicU64]> = (0..bytes.div_ceil(8)).map(|_| AtomicU64::new(0)).collect();
        let span = frame_span(&frame);
        self.frames.push(frame);
        Ok(span.start + span.bytes)
    }

    fn pop_frame(&mut self) {
        self.frames.pop();
    }
}

/// The same functions and addresses that compiled code has.
struct RealCalls<'a> {
    compiled: &'a Compiled,
    run: &'a Run<'a>,
}

/// Where a host function calls the program back while the interpreter waits for it.
struct Reentry<'m, 'i, 'c, 'r> {
    machine: &'m mut Machine<'i>,
    calls: &'c mut RealCalls<'r>,
}

/// Calls a function of the program back, as a host function that the interpreter called. `None` when it trapped; the run is aborted
/// then.
///
/// # Safety
/// The interpreter runs `run`, and waits for a host function that was given `function` as a callback.
pub(crate) unsafe fn call_back(function: u64, args: Args, run: &Run<'_>) -> Option<u64> {
    let reentry = run.reentry().cast::<Reentry<'_, '_, '_, '_>>();
    // SAFETY: `RealCalls::call` put it there and waits for the host function; callbacks nest, so the one that runs has it alone.
    let Reentry { machine, calls } = unsafe { &mut *reentry };
    match machine.call_back(function, args, &mut **calls) {
        Ok(value) | Err(Stop::Leave(value)) => Some(value),
        Err(stop @ (Stop::Abort(_) | Stop::Trap(_))) => {
            let program = calls.compiled.proof.program().name.clone();
            run.abort(RunError::Interpreter { program, reason: format!("{stop:?}") });
            None
        }
    }
}

impl RealCalls<'_> {
    fn call(&mut self, code: CodeAddr, args: Args, machine: &mut Machine<'_>) -> Result<u64, Stop> {
        let run = self.run;
        let mut reentry = Reentry { machine, calls: self };
        let outer = run.set_reentry(std::ptr::from_mut(&mut reentry).cast());
        // SAFETY: the address is a helper's or a kfunc's shim; the arguments are those of a verified program, which passes the
        // same to compiled code.
        let value = unsafe { enter::call_host(code, args, run) };
        run.set_reentry(outer);
        if run.is_aborted() { Err(Stop::abort("a host function ended the run")) } else { Ok(value) }
    }

    /// Runs the target of a tail call in the place of the function that made it.
    fn tail_call(&self, [context, map, index, ..]: Args, machine: &mut Machine<'_>) -> Result<u64, Stop> {
        let map = self.compiled.maps.iter().find(|known| known.address() as u64 == map);
        let target = map.ok_or(libc::EINVAL).and_then(|map| kernel::target(map, index, self.run));
        let target = match target {
            Ok(target) => target,
            Err(errno) => return Ok(i64::from(-errno).cast_unsigned()),
        };
        let compiled =
            target.compiled().ok_or_else(|| Stop::abort("the target of a tail call is not loaded"))?;
        let mut calls = RealCalls { compiled, run: self.run };
        let args = [context, 0, 0, 0, 0];
        let outcome =
            interp::run(compiled.proof.xlated(), args, machine.memory(), &mut calls, Budget::default());
        Err(Stop::Leave(outcome?.r0()))
    }

    fn map(&self, map: MapRef) -> Option<&Map> {
        match map {
            MapRef::Idx(MapId(at)) => self.compiled.maps.get(at as usize).map(|map| &**map),
            MapRef::Fd(_) => None,
        }
    }
}

impl Calls for RealCalls<'_> {
    fn helper(&mut self, id: HelperId, args: Args, machine: &mut Machine<'_>) -> Result<u64, Stop> {
        let source = self.compiled.application.helpers();
        if source == HelperSource::Kernel && id == TAIL_CALL {
            return self.tail_call(args, machine);
        }
        let code = source.addr(id).ok_or_else(|| Stop::abort(format!("{id} does not exist")))?;
        self.call(code, args, machine)
    }

    fn packet(
        &mut self,
        _: u64,
        offset: u64,
        size: Size,
        machine: &mut Machine<'_>,
    ) -> Result<Option<u64>, Stop> {
        let load = CodeAddr(kernel::packet_load as *const () as usize);
        let value = self.call(load, [u64::from(offset as u32), size.bytes().into(), 0, 0, 0], machine)?;
        Ok((!self.run.take_leave()).then_some(value))
    }

    fn kfunc(
        &mut self,
        id: KfuncId,
        module: i16,
        args: Args,
        machine: &mut Machine<'_>,
    ) -> Result<u64, Stop> {
        let code = self.compiled.application.kfunc_code(id, module);
        self.call(code.ok_or_else(|| Stop::abort(format!("{id} does not exist")))?, args, machine)
    }

    fn address(&mut self, imm: Imm64) -> Option<u64> {
        match imm {
            Imm64::Value(value) => Some(value),
            Imm64::Map(map) => Some(self.map(map)?.address() as u64),
            Imm64::MapValue { map, offset } => Some(self.map(map)?.only_value()? as u64 + u64::from(offset)),
            Imm64::HostVar { .. } | Imm64::Func(_) => None,
        }
    }
}
