//! [`Availability`]: which programs may call a kfunc.

use opswap_bpf::ProgramKind;

use crate::declare::{Filter, FilterVerdict, KfuncDecl};

/// A list of kinds of programs, and a further condition.
#[derive(Clone, Debug)]
struct List {
    /// Words of `programs(…)`; empty for all kinds.
    programs: Vec<String>,
    filter: Condition,
}

/// A condition beyond lists.
#[derive(Clone, Copy, Debug)]
enum Condition {
    None,
    /// A function of the application.
    Filter(Filter),
    /// A function that an interface file cannot carry.
    Lost,
}

impl Condition {
    fn of(filter: Option<Filter>) -> Self {
        filter.map_or(Self::None, Self::Filter)
    }

    fn allows(self, kind: &ProgramKind, kfunc: &str) -> bool {
        match self {
            Self::None => true,
            Self::Filter(filter) => filter(kind, kfunc) == FilterVerdict::Allow,
            Self::Lost => false,
        }
    }
}

/// Which programs may call a kfunc: those that any of the lists names and that the kfunc's own condition lets through.
#[derive(Clone, Debug)]
pub(super) struct Availability {
    lists: Vec<List>,
    condition: Condition,
}

impl Availability {
    /// As declared: by the kfunc itself, and by the sets it is in. Without either, every program may call it.
    pub(super) fn of(decl: &KfuncDecl) -> Self {
        let owned = |programs: &[&str]| programs.iter().map(|&word| word.to_owned()).collect();
        let mut lists: Vec<List> = decl
            .sets
            .iter()
            .map(|set| List { programs: owned(set.programs), filter: Condition::of(set.filter) })
            .collect();
        if !decl.programs.is_empty() || lists.is_empty() {
            lists.push(List { programs: owned(decl.programs), filter: Condition::None });
        }
        Self { lists, condition: Condition::of(decl.filter) }
    }

    /// As an interface file says it.
    pub(super) fn from_tags(programs: Option<&str>, filtered: bool) -> Self {
        let programs = programs.map_or_else(Vec::new, |words| words.split(',').map(str::to_owned).collect());
        let condition = if filtered { Condition::Lost } else { Condition::None };
        Self { lists: vec![List { programs, filter: Condition::None }], condition }
    }

    /// The tags from which [`Availability::from_tags`] reads it back.
    pub(super) fn tags(&self) -> Vec<String> {
        let mut tags = Vec::new();
        if self.lists.iter().all(|list| !list.programs.is_empty()) {
            let words: Vec<&str> =
                self.lists.iter().flat_map(|list| &list.programs).map(String::as_str).collect();
            tags.push(format!("kfunc:programs={}", words.join(",")));
        }
        let conditions = self.lists.iter().map(|list| list.filter).chain([self.condition]);
        if conditions.into_iter().any(|condition| !matches!(condition, Condition::None)) {
            tags.push("kfunc:filtered".to_owned());
        }
        tags
    }

    /// Whether programs of this kind may call the kfunc.
    pub(super) fn allows(&self, kind: &ProgramKind, kfunc: &str) -> bool {
        let listed = self.lists.iter().any(|list| {
            let named = list.programs.is_empty() || list.programs.iter().any(|word| names(word, kind));
            named && list.filter.allows(kind, kfunc)
        });
        listed && self.condition.allows(kind, kfunc)
    }
}

/// Whether a word of `programs(…)` names this kind: `struct_ops`, a table, or the first part of a section's name.
fn names(word: &str, kind: &ProgramKind) -> bool {
    match kind {
        ProgramKind::StructOps { ops, .. } => word == "struct_ops" || word == ops,
        ProgramKind::Named(section) => {
            let first = section.split('/').next().unwrap_or_default();
            word == section || word == first || word == first.trim_end_matches(".s")
        }
    }
}
