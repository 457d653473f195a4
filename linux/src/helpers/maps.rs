//! Which kinds of map go with which helper. Either side may restrict: a kind of map names the helpers that it allows, a helper
//! the kinds that it works on. A pair is allowed when neither side says no.

use std::collections::HashMap;

use opswap_bpf::map::MapKind;

use crate::table::{Line, TableError, lines};

const TABLE: &str = "maps.txt";

#[derive(Debug, Default)]
pub(super) struct MapRules {
    /// What a kind allows; a kind without an entry allows all.
    by_kind: HashMap<MapKind, Vec<String>>,
    /// What a helper works on; a helper without an entry works on all.
    by_helper: HashMap<String, Vec<MapKind>>,
}

/// The kind that the tables call by this name: the kernel's, in lower case.
fn kind_named(line: &Line<'_>, name: &str) -> Result<MapKind, TableError> {
    let flat = |text: &str| text.replace('_', "").to_lowercase();
    let wanted = flat(name);
    MapKind::ALL
        .into_iter()
        .find(|kind| flat(&format!("{kind:?}")) == wanted)
        .ok_or_else(|| line.wrong(format!("unknown kind of map `{name}`")))
}

impl MapRules {
    pub(super) fn read() -> Result<Self, TableError> {
        let mut rules = Self::default();
        for line in lines(TABLE, include_str!("../../data/maps.txt")) {
            let Some((head, rest)) = line.text.split_once(':') else {
                return Err(line.wrong("expected `map KIND:` or `helper NAME:`"));
            };
            match head.split_whitespace().collect::<Vec<_>>()[..] {
                ["map", kind] => {
                    let helpers = rest.split_whitespace().map(str::to_owned).collect();
                    rules.by_kind.insert(kind_named(&line, kind)?, helpers);
                }
                ["helper", name] => {
                    let kinds = rest.split_whitespace().map(|kind| kind_named(&line, kind));
                    rules.by_helper.insert(name.to_owned(), kinds.collect::<Result<_, _>>()?);
                }
                _ => return Err(line.wrong("expected `map KIND:` or `helper NAME:`")),
            }
        }
        Ok(rules)
    }

    /// The kinds of map that go with a helper (named without `bpf_`).
    pub(super) fn kinds(&self, helper: &str) -> Vec<MapKind> {
        let works_on = self.by_helper.get(helper);
        let allowed = |kind: &MapKind| {
            works_on.is_none_or(|kinds| kinds.contains(kind))
                && self.by_kind.get(kind).is_none_or(|helpers| helpers.iter().any(|name| name == helper))
        };
        MapKind::ALL.into_iter().filter(allowed).collect()
    }
}
