//! A folder of foreign objects (`OPSWAP_OBJECTS_DIR`), linked against the running kernel's types: nothing may panic, and
//! what cannot be read is printed with its reason.

use std::path::Path;

use opswap::loader::{HostVariable, Import, KfuncTarget, ObjectFile, Resolve, ResolveError};
use opswap_bpf::{Btf, BtfId, KfuncId, ProgramKind};

/// Has every function and variable, and the kernel's types.
struct Kernel(Btf);

impl Resolve for Kernel {
    fn kfunc(&self, import: Import<'_>) -> Result<KfuncTarget, ResolveError> {
        let func = self.0.find_func(import.name).unwrap_or_default();
        Ok(KfuncTarget { id: KfuncId(func.0), module: 0 })
    }

    fn variable(&self, _: Import<'_>) -> Result<HostVariable, ResolveError> {
        Ok(HostVariable { id: BtfId(0), module: 0 })
    }

    fn types(&self) -> Option<&Btf> {
        Some(&self.0)
    }

    fn shared_types(&self) -> Option<&Btf> {
        None
    }
}

#[test]
fn foreign_objects_are_read_or_refused() {
    let Some(folder) = std::env::var_os("OPSWAP_OBJECTS_DIR") else {
        opswap_skips::skipped("OPSWAP_OBJECTS_DIR names no folder of objects");
        return;
    };
    let Ok(vmlinux) = std::fs::read("/sys/kernel/btf/vmlinux") else {
        opswap_skips::skipped("the kernel shows no BTF");
        return;
    };
    let kernel = Kernel(Btf::parse(&vmlinux).expect("the kernel's BTF is well formed"));
    let entries = std::fs::read_dir(Path::new(&folder)).expect("the folder can be read");
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "o"));
    files.sort();
    let (mut objects, mut programs, mut linked, mut slots) = (0, 0, 0, 0);
    for path in &files {
        let bytes = std::fs::read(path).expect("the object can be read");
        let object = match ObjectFile::parse_with(&bytes, &|_| Some(1)) {
            Ok(object) => object,
            Err(error) => {
                println!("{}: {error}", path.display());
                continue;
            }
        };
        objects += 1;
        for (at, program) in object.programs().iter().enumerate() {
            programs += 1;
            match object.link(at, ProgramKind::Named(program.section.clone()), &kernel) {
                Ok(program) => (linked, slots) = (linked + 1, slots + program.insns.len()),
                Err(error) => println!("{}: {error}", path.display()),
            }
        }
    }
    println!(
        "{objects} of {} objects read; {linked} of {programs} programs linked, {slots} slots",
        files.len()
    );
    assert!(objects * 10 > files.len() * 9, "only {objects} of {} objects were read", files.len());
}
