//! One program of a kernel, and those that it reaches by tail calls.

use std::collections::BTreeMap;
use std::sync::Arc;

use opswap_bpf::insn::{Imm64, MapRef};
use opswap_bpf::{Insn, MapId};

use crate::error::LoadError;
use crate::loader::{MapTarget, ObjectFile};
use crate::maps::Map;
use crate::object::link;
use crate::program::{Program, ProgramCore};
use crate::runtime::Policy;

/// Loads program number `first` of an object with the object's maps. The programs in the program arrays that it names are loaded
/// too, and those that they name.
pub(crate) fn load_one(
    policy: &Arc<Policy>,
    file: &ObjectFile,
    maps: &Arc<[Arc<Map>]>,
    first: usize,
) -> Result<Program, LoadError> {
    let mut cores: BTreeMap<usize, Arc<ProgramCore>> = BTreeMap::new();
    let mut waiting = vec![first];
    while let Some(index) = waiting.pop() {
        if cores.contains_key(&index) {
            continue;
        }
        let Some(kind) = policy.application.program_kind(file, index) else { break };
        let program = file.link(index, kind, &*policy.application)?;
        waiting.extend(targets(file, &program.insns));
        cores.insert(index, link::build(policy, program, maps)?);
    }
    let entry = |core: &ProgramCore| core.compiled().map(|compiled| compiled.proof.entry().clone());
    let main = cores.get(&first).and_then(|core| entry(core));
    for (image, map) in file.maps().iter().zip(&**maps) {
        for init in &image.entries {
            let MapTarget::Program(target) = init.value else { continue };
            // Programs in arrays that nothing names are not loaded.
            let Some(core) = cores.get(&target) else { continue };
            let alike = entry(core).zip(main.as_ref()).is_some_and(|(target, main)| {
                target.context == main.context && target.sleepable == main.sleepable
            });
            if !alike {
                let (map, program) = (image.proto.name.clone(), core.name.clone());
                return Err(LoadError::TailCall { map, program });
            }
            map.set_program(init.index, core);
        }
    }
    let core =
        cores.remove(&first).ok_or_else(|| LoadError::NoProgram { name: String::new(), has: Vec::new() })?;
    Ok(Program::with_targets(core, cores.into_values().collect()))
}

/// The programs in the arrays that these instructions name.
fn targets(file: &ObjectFile, insns: &[Insn]) -> Vec<usize> {
    let named = insns.iter().filter_map(|insn| {
        if let Insn::LoadImm64 { imm: Imm64::Map(MapRef::Idx(MapId(map))), .. } = insn {
            file.maps().get(*map as usize)
        } else {
            None
        }
    });
    let programs = named.flat_map(|image| &image.entries).filter_map(|entry| match entry.value {
        MapTarget::Program(program) => Some(program),
        MapTarget::Map(_) => None,
    });
    programs.collect()
}
