//! [`Verdict`]: what the verifier says of each program of an object, without loading any of it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use opswap_bpf::{Program, ProgramKind};
use opswap_verifier::verified::Stats;
use opswap_verifier::{Host, Limits, Rejection, VerifiedProgram, verify_logged, verify_with};

use super::{by_section, link, table};
use crate::error::LoadError;
use crate::loader::{ObjectFile, ProgramImage};
use crate::runtime::Policy;

/// What the verifier says of one program.
#[derive(Debug)]
pub struct Verdict {
    /// The program's name.
    pub program: String,
    /// Its section.
    pub section: String,
    /// Safe or not.
    pub ruling: Ruling,
    /// What the verifier counted; zeroes when it was not asked.
    pub stats: Stats,
    /// How long the verifier took; 0 when it was not asked.
    pub time: Duration,
    /// The walk in the format of Linux's log at level 2, if it was asked for.
    pub log: Option<String>,
}

/// Whether a verdict comes with the verifier's log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WalkLog {
    /// It does not.
    Dropped,
    /// It does; the walk takes longer.
    Kept,
}

impl Verdict {
    /// Asks the verifier about a program, if it could be linked.
    pub fn of(
        image: &ProgramImage,
        linked: Result<Program, LoadError>,
        host: &dyn Host,
        limits: &Limits,
        log: WalkLog,
    ) -> Self {
        let (ruling, stats, time, log) = match linked {
            Err(error) => (Ruling::Failed(error), Stats::default(), Duration::ZERO, None),
            Ok(program) => {
                let started = Instant::now();
                let (verdict, stats, log) = match log {
                    WalkLog::Dropped => {
                        let (verdict, stats) = verify_with(program, host, limits);
                        (verdict, stats, None)
                    }
                    WalkLog::Kept => {
                        let (verdict, stats, log) = verify_logged(program, host, limits);
                        (verdict, stats, Some(log))
                    }
                };
                let time = started.elapsed();
                let ruling = match verdict {
                    Ok(proof) => Ruling::Accepted(Box::new(proof)),
                    Err(rejection) => Ruling::Rejected(Box::new(rejection)),
                };
                (ruling, stats, time, log)
            }
        };
        Self { program: image.name.clone(), section: image.section.clone(), ruling, stats, time, log }
    }
}

/// Safe or not.
#[derive(Debug)]
pub enum Ruling {
    /// Proved safe.
    Accepted(Box<VerifiedProgram>),
    /// Not proved safe.
    Rejected(Box<Rejection>),
    /// The verifier was not asked, because the program could not be linked or is for nothing that the host has.
    Failed(LoadError),
}

/// A verdict on every program of an object.
pub(crate) fn verdicts(policy: &Arc<Policy>, bytes: &[u8], log: WalkLog) -> Result<Vec<Verdict>, LoadError> {
    let file = ObjectFile::parse(bytes)?;
    let mut kinds = operations(policy, &file);
    let verdicts = file.programs().iter().enumerate().map(|(index, image)| {
        let kind = kinds.get_mut(index).and_then(Option::take);
        let kind = kind.unwrap_or_else(|| by_section(policy, image));
        let linked = kind.and_then(|kind| Ok(file.link(index, kind, &*policy.application)?));
        let checked = linked.and_then(|program| link::allowed(policy, &program).map(|()| program));
        Verdict::of(image, checked, &**policy, &policy.limits, log)
    });
    Ok(verdicts.collect())
}

/// The programs that tables name, and what they are for, or why the table does not fit.
fn operations(policy: &Policy, file: &ObjectFile) -> Vec<Option<Result<ProgramKind, LoadError>>> {
    let mut kinds: Vec<Option<Result<ProgramKind, LoadError>>> = Vec::new();
    kinds.resize_with(file.programs().len(), || None);
    for image in file.struct_ops() {
        let layout = table::layout_of(policy, file, image);
        for op in &image.ops {
            let Some(kind) = kinds.get_mut(op.program) else { continue };
            let found = layout.as_ref().map_or_else(
                // One error for each program: the layout is computed again, as errors are not copied.
                |_| table::layout_of(policy, file, image).err().map(Err),
                |layout| layout.kinds().find(|(program, _)| *program == op.program).map(|(_, kind)| Ok(kind)),
            );
            match (&kind, &found) {
                (Some(Ok(first)), Some(Ok(second))) if first != second => {
                    let program = file.programs()[op.program].name.clone();
                    *kind = Some(Err(LoadError::TwoOps { program }));
                }
                (None, _) => *kind = found,
                (Some(_), _) => {}
            }
        }
    }
    kinds
}
