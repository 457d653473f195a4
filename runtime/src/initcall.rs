//! [`initcall!`](crate::initcall!): registration that cannot be a constant. It runs once, when a runtime first collects what is declared.
//!
//! Kfuncs, types and tables are constants in link-time slices. What depends on the machine or on configuration (which programs may
//! call what) is decided by initcalls, as Linux's modules call `register_btf_kfunc_id_set` when they start. They run in a fixed order:
//! by level, then by name.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use crate::declare::{Filter, Place};
use crate::struct_ops::Refusal;

/// When an initcall runs, relative to others.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum InitLevel {
    /// First.
    Core,
    /// What others build on.
    Subsystem,
    /// The ordinary.
    Device,
    /// Last.
    Late,
}

/// An initcall.
pub type Initcall = fn(&mut Registrar) -> Result<(), Refusal>;

/// What [`initcall!`](crate::initcall!) leaves in the binary.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
pub struct InitcallDecl {
    level: InitLevel,
    name: &'static str,
    place: Place,
    call: Initcall,
}

impl InitcallDecl {
    #[doc(hidden)]
    pub const fn new(level: InitLevel, name: &'static str, place: Place, call: Initcall) -> Self {
        Self { level, name, place, call }
    }

    /// For messages.
    fn described(&self) -> String {
        format!("initcall `{}` at {}", self.name, self.place)
    }
}

inventory::collect!(InitcallDecl);

/// A set of kfuncs that an initcall registered. Holds nothing of a module but the filter, which is code.
#[derive(Clone, Debug)]
pub(crate) struct RegisteredSet {
    /// Its name, for tools.
    pub(crate) name: String,
    /// Kinds of programs; empty for all.
    pub(crate) programs: Vec<String>,
    pub(crate) filter: Option<Filter>,
    /// Names of the kfuncs in it.
    pub(crate) kfuncs: Vec<String>,
    /// Who registered it.
    pub(crate) by: String,
}

/// What an initcall may register.
#[derive(Debug, Default)]
pub struct Registrar {
    sets: Vec<RegisteredSet>,
    by: String,
}

impl Registrar {
    /// Puts kfuncs into a set: programs of these kinds (of all kinds when there are none) may call them. A kfunc that names no set
    /// and no programs itself may then be called by the set's programs only.
    pub fn kfunc_set<'a>(
        &mut self,
        name: &str,
        programs: impl IntoIterator<Item = &'a str>,
        kfuncs: impl IntoIterator<Item = &'a str>,
    ) {
        self.add(name, programs, kfuncs, None);
    }

    /// The same, for those programs that `filter` lets through.
    pub fn filtered_kfunc_set<'a>(
        &mut self,
        name: &str,
        programs: impl IntoIterator<Item = &'a str>,
        kfuncs: impl IntoIterator<Item = &'a str>,
        filter: Filter,
    ) {
        self.add(name, programs, kfuncs, Some(filter));
    }

    fn add<'a>(
        &mut self,
        name: &str,
        programs: impl IntoIterator<Item = &'a str>,
        kfuncs: impl IntoIterator<Item = &'a str>,
        filter: Option<Filter>,
    ) {
        self.sets.push(RegisteredSet {
            name: name.to_owned(),
            programs: programs.into_iter().map(str::to_owned).collect(),
            filter,
            kfuncs: kfuncs.into_iter().map(str::to_owned).collect(),
            by: self.by.clone(),
        });
    }
}

thread_local! {
    static RUNNING: Cell<bool> = const { Cell::new(false) };
}

/// What the initcalls of this program registered. They run at the first call; the outcome stays.
///
/// # Errors
/// Which initcall failed, and why.
pub(crate) fn registered() -> Result<&'static [RegisteredSet], String> {
    static OUTCOME: OnceLock<Result<Vec<RegisteredSet>, String>> = OnceLock::new();
    if RUNNING.get() {
        return Err("an initcall cannot ask for what initcalls register: build the runtime later".to_owned());
    }
    let run = || {
        RUNNING.set(true);
        let outcome = run(inventory::iter::<InitcallDecl>.into_iter());
        RUNNING.set(false);
        outcome
    };
    OUTCOME.get_or_init(run).as_deref().map_err(Clone::clone)
}

/// Runs initcalls in their order.
fn run<'d>(all: impl Iterator<Item = &'d InitcallDecl>) -> Result<Vec<RegisteredSet>, String> {
    let mut all: Vec<&InitcallDecl> = all.collect();
    all.sort_by_key(|decl| (decl.level, decl.name, decl.place.file(), decl.place.line));
    let mut registrar = Registrar::default();
    for decl in all {
        registrar.by = decl.described();
        let outcome = catch_unwind(AssertUnwindSafe(|| (decl.call)(&mut registrar)));
        match outcome {
            Ok(Ok(())) => {}
            Ok(Err(refusal)) => return Err(format!("{} failed: {refusal}", decl.described())),
            Err(payload) => {
                // Its payload may panic when it is dropped.
                std::mem::forget(payload);
                return Err(format!("{} panicked", decl.described()));
            }
        }
    }
    Ok(registrar.sets)
}

/// Declares a function that runs once, when a runtime first collects what is declared (in a module: when it is loaded).
///
/// ```
/// use opswap::{InitLevel, Refusal, Registrar, Runtime, kfunc};
///
/// #[kfunc]
/// fn clock() -> u64 {
///     1
/// }
///
/// fn register(registrar: &mut Registrar) -> Result<(), Refusal> {
///     let trusted = std::env::var("TRUSTED_SECTION").unwrap_or_else(|_| "tracing".to_owned());
///     registrar.kfunc_set("clocks", [trusted.as_str()], ["clock"]);
///     Ok(())
/// }
///
/// opswap::initcall!(InitLevel::Subsystem, register);
/// # fn main() {
/// Runtime::new().expect("every initcall succeeds");
/// # }
/// ```
#[macro_export]
macro_rules! initcall {
    ($level:expr, $call:path $(,)?) => {
        $crate::__private::inventory::submit! {
            $crate::__private::InitcallDecl::new($level, $crate::__private::core::stringify!($call), $crate::__place!(), $call)
        }
    };
}

#[cfg(test)]
mod tests {
    use super::{InitLevel, InitcallDecl, Registrar, run};
    use crate::declare::Place;
    use crate::struct_ops::Refusal;

    const fn at(line: u32) -> Place {
        Place { module: "app", tag: "at:src/app.rs:LINE", line, column: 1 }
    }

    fn one(registrar: &mut Registrar) -> Result<(), Refusal> {
        registrar.kfunc_set("one", ["xdp"], ["f"]);
        Ok(())
    }

    fn two(registrar: &mut Registrar) -> Result<(), Refusal> {
        registrar.kfunc_set("two", [], ["f", "g"]);
        Ok(())
    }

    fn fails(_registrar: &mut Registrar) -> Result<(), Refusal> {
        Err("no such device".into())
    }

    fn panics(_registrar: &mut Registrar) -> Result<(), Refusal> {
        panic!("on purpose");
    }

    #[test]
    fn they_run_by_level_then_by_name() {
        let all = [
            InitcallDecl::new(InitLevel::Late, "a", at(1), two),
            InitcallDecl::new(InitLevel::Core, "c", at(2), one),
            InitcallDecl::new(InitLevel::Core, "b", at(3), two),
        ];
        let sets = run(all.iter()).expect("all succeed");
        assert_eq!(sets.iter().map(|set| set.name.as_str()).collect::<Vec<_>>(), ["two", "one", "two"]);
        assert_eq!(sets[1].by, "initcall `c` at src/app.rs:2:1");
    }

    #[test]
    fn one_that_fails_is_named() {
        let of =
            |call| run([InitcallDecl::new(InitLevel::Core, "b", at(3), call)].iter()).expect_err("fails");
        assert_eq!(of(fails), "initcall `b` at src/app.rs:3:1 failed: no such device");
        assert_eq!(of(panics), "initcall `b` at src/app.rs:3:1 panicked");
    }
}
