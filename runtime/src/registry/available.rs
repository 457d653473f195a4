//! [`Availability`]: which programs may call a kfunc.

use opswap_bpf::{ProgramKind, Text};

use crate::declare::{Filter, FilterVerdict, KfuncDecl};
use crate::initcall::RegisteredSet;

/// A list of kinds of programs, and a further condition.
#[derive(Clone, Debug)]
struct List {
    /// Name of the set that it is from; `None` for the kfunc's own.
    set: Option<Text>,
    /// Words of `programs(…)`; empty for all kinds.
    programs: Vec<Text>,
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

/// Whether a Rust function decides, too.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Filtered {
    /// Lists alone decide.
    No,
    /// A function that is not at hand.
    Yes,
}

/// Which programs may call a kfunc; `None` for all, as most have it.
#[derive(Clone, Debug)]
pub(super) struct Availability(Option<Box<Limits>>);

/// Those that any of the lists names and that the kfunc's own condition lets through.
#[derive(Clone, Debug)]
struct Limits {
    /// Empty: all programs.
    lists: Vec<List>,
    condition: Condition,
}

impl Availability {
    /// As declared: by the kfunc itself, and by the sets it is in, `registered` ones as well. Without any, every program may call it.
    pub(super) fn of(decl: &KfuncDecl, registered: &[&RegisteredSet]) -> Self {
        let limited = !decl.sets.is_empty() || !decl.programs.is_empty() || decl.filter.is_some();
        if !limited && registered.is_empty() {
            return Self(None);
        }
        let owned = |programs: &[&'static str]| programs.iter().copied().map(Text::fixed).collect();
        let mut lists: Vec<List> = decl
            .sets
            .iter()
            .map(|set| List {
                set: Some(Text::fixed(set.name)),
                programs: owned(set.programs),
                filter: Condition::of(set.filter),
            })
            .collect();
        lists.extend(registered.iter().map(|set| List {
            set: Some(set.name.as_str().into()),
            programs: set.programs.iter().map(|word| word.as_str().into()).collect(),
            filter: Condition::of(set.filter),
        }));
        if !decl.programs.is_empty() {
            lists.push(List { set: None, programs: owned(decl.programs), filter: Condition::None });
        }
        Self(Some(Box::new(Limits { lists, condition: Condition::of(decl.filter) })))
    }

    /// As an interface file says it.
    pub(super) fn from_tags(programs: Option<&str>, sets: Option<&str>, filtered: Filtered) -> Self {
        let words = |text: Option<&str>| -> Vec<Text> {
            text.map_or_else(Vec::new, |words| words.split(',').map(Text::from).collect())
        };
        let programs = words(programs);
        let condition = match filtered {
            Filtered::No => Condition::None,
            Filtered::Yes => Condition::Lost,
        };
        let list = |set| List { set, programs: programs.clone(), filter: Condition::None };
        let sets = words(sets);
        let lists =
            if sets.is_empty() { vec![list(None)] } else { sets.into_iter().map(Some).map(list).collect() };
        Self(Some(Box::new(Limits { lists, condition })))
    }

    fn lists(&self) -> &[List] {
        self.0.as_ref().map_or(&[], |limits| &limits.lists)
    }

    /// Names of the sets.
    pub(super) fn sets(&self) -> Vec<&str> {
        self.lists().iter().filter_map(|list| list.set.as_deref()).collect()
    }

    /// The kinds of programs that may call it, as far as lists say; `None` for all.
    pub(super) fn programs(&self) -> Option<Vec<&str>> {
        let lists = self.lists();
        if lists.is_empty() || lists.iter().any(|list| list.programs.is_empty()) {
            return None;
        }
        let mut words: Vec<&str> = lists.iter().flat_map(|list| &list.programs).map(Text::as_str).collect();
        words.sort_unstable();
        words.dedup();
        Some(words)
    }

    /// The tags from which [`Availability::from_tags`] reads it back.
    pub(super) fn tags(&self) -> Vec<String> {
        let mut tags = Vec::new();
        let Some(limits) = &self.0 else { return tags };
        if let Some(words) = self.programs() {
            tags.push(format!("kfunc:programs={}", words.join(",")));
        }
        let sets = self.sets();
        if !sets.is_empty() {
            tags.push(format!("kfunc:sets={}", sets.join(",")));
        }
        let conditions = limits.lists.iter().map(|list| list.filter).chain([limits.condition]);
        if conditions.into_iter().any(|condition| !matches!(condition, Condition::None)) {
            tags.push("kfunc:filtered".to_owned());
        }
        tags
    }

    /// Whether programs of this kind may call the kfunc.
    pub(super) fn allows(&self, kind: &ProgramKind, kfunc: &str) -> bool {
        let Some(limits) = &self.0 else { return true };
        let listed = limits.lists.is_empty()
            || limits.lists.iter().any(|list| {
                let named = list.programs.is_empty() || list.programs.iter().any(|word| names(word, kind));
                named && list.filter.allows(kind, kfunc)
            });
        listed && limits.condition.allows(kind, kfunc)
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
