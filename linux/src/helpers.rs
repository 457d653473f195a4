//! Helpers: prototypes by number and form, sets of them by kind of program, and which maps they work on.
//!
//! | file | owns |
//! |---|---|
//! | `parse` | one line of `data/helpers.txt` to a [`HelperProto`] |
//! | `maps` | `data/maps.txt`: which kinds of map go with which helper |

mod maps;
mod parse;

use std::collections::HashMap;

use opswap_bpf::map::MapKind;
use opswap_bpf::{Btf, HelperId, HelperProto};

use crate::contexts::Contexts;
use crate::table::{Line, Place, TableError, lines};

const SETS: &str = "helper_sets.txt";

/// Prototypes by number, of the forms that one kind of program may call.
pub(crate) type HelperSet = HashMap<HelperId, usize>;

/// All helpers.
#[derive(Debug)]
pub(crate) struct Helpers {
    /// Every form of every helper.
    protos: Vec<HelperProto>,
    /// Forms by name (`get_stack`, `get_stack/2`).
    by_name: HashMap<String, usize>,
    /// Words of each set, in order.
    sets: HashMap<String, Vec<String>>,
}

impl Helpers {
    /// Reads the tables; helpers with a type that the kernel lacks are left out.
    pub(crate) fn read(btf: &Btf, contexts: &Contexts) -> Result<Self, TableError> {
        let mut all = Self { protos: Vec::new(), by_name: HashMap::new(), sets: HashMap::new() };
        let table = parse::Types { btf, contexts };
        for line in lines(parse::TABLE, include_str!("../data/helpers.txt")) {
            if let Some((name, proto)) = parse::proto(&line, &table)? {
                all.by_name.insert(name, all.protos.len());
                all.protos.push(proto);
            }
        }
        let rules = maps::MapRules::read()?;
        for proto in &mut all.protos {
            let without_sockets = proto.maps.is_some();
            let mut kinds = rules.kinds(proto.name.trim_start_matches("bpf_"));
            if without_sockets {
                kinds.retain(|kind| !matches!(kind, MapKind::Sockmap | MapKind::Sockhash));
            }
            proto.maps = Some(kinds);
        }
        all.read_sets()?;
        Ok(all)
    }

    fn read_sets(&mut self) -> Result<(), TableError> {
        let mut current: Option<String> = None;
        for line in lines(SETS, include_str!("../data/helper_sets.txt")) {
            match (line.place, &current) {
                (Place::Heading, _) => {
                    let ["set", name] = line.exactly()? else {
                        return Err(line.wrong("expected `set NAME`"));
                    };
                    current = Some(name.to_owned());
                }
                (Place::Below, Some(name)) => {
                    self.sets.entry(name.clone()).or_default().extend(line.words().map(str::to_owned));
                }
                (Place::Below, None) => return Err(line.wrong("helpers without a set")),
            }
        }
        Ok(())
    }

    /// The helpers of a set, given as `NAME-without-without`.
    pub(crate) fn set(&self, line: &Line<'_>, expression: &str) -> Result<HelperSet, TableError> {
        let mut parts = expression.split('-');
        let name = parts.next().unwrap_or_default();
        let mut found = HelperSet::new();
        self.gather(line, name, &mut found, 0)?;
        for without in parts {
            let Some(&form) = self.by_name.get(without) else {
                return Err(line.wrong(format!("unknown helper `{without}`")));
            };
            found.remove(&self.protos[form].id);
        }
        Ok(found)
    }

    fn gather(
        &self,
        line: &Line<'_>,
        name: &str,
        found: &mut HelperSet,
        depth: u32,
    ) -> Result<(), TableError> {
        let words = self.sets.get(name).ok_or_else(|| line.wrong(format!("unknown set `{name}`")))?;
        if depth > 16 {
            return Err(line.wrong("sets include each other"));
        }
        for word in words {
            if let Some(included) = word.strip_prefix('+') {
                self.gather(line, included, found, depth + 1)?;
            } else if let Some(&form) = self.by_name.get(word) {
                found.entry(self.protos[form].id).or_insert(form);
            }
        }
        Ok(())
    }

    /// A form.
    pub(crate) fn form(&self, form: usize) -> Option<&HelperProto> {
        self.protos.get(form)
    }

    /// Whether any program may call this helper.
    pub(crate) fn exists(&self, id: HelperId) -> bool {
        self.protos.iter().any(|proto| proto.id == id)
    }

    /// Every form, for reports.
    pub(crate) fn all(&self) -> &[HelperProto] {
        &self.protos
    }

    /// The words of the sets that name no helper of this kernel.
    #[cfg(test)]
    pub(crate) fn unknown_words(&self) -> Vec<&str> {
        let words = self.sets.values().flatten().map(String::as_str);
        words.filter(|word| !word.starts_with('+') && !self.by_name.contains_key(*word)).collect()
    }
}
