//! The most similar name, and short lists of names, for messages.

/// Names that a message lists at most.
const LISTED: usize = 5;

/// Names in the order of their likeness to `wanted`, the first few and a count: `` `a`, `b` and 7 more ``.
pub fn listed(wanted: &str, names: &[impl AsRef<str>]) -> String {
    let mut names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    names.sort_by_key(|name| edits(wanted, name));
    let quoted = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    match names.as_slice() {
        [] => String::new(),
        [one] => quoted(&[one]),
        [most @ .., last] if names.len() <= LISTED => format!("{} and `{last}`", quoted(most)),
        more => format!("{} and {} more", quoted(&more[..LISTED]), more.len() - LISTED),
    }
}

/// The name of `known` that takes the fewest edits from `name`, if that is at most a third of its letters.
pub(crate) fn nearest<'k>(name: &str, known: impl IntoIterator<Item = &'k str>) -> Option<&'k str> {
    let limit = (name.chars().count() / 3).max(1);
    known
        .into_iter()
        .map(|candidate| (edits(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min()
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of neighbours between two names (optimal string alignment).
fn edits(from: &str, to: &str) -> usize {
    let from: Vec<char> = from.chars().collect();
    let to: Vec<char> = to.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=to.len()).collect();
    for (row, &a) in from.iter().enumerate() {
        let mut next = vec![row + 1];
        for (column, &b) in to.iter().enumerate() {
            let replaced = last[column] + usize::from(a != b);
            let mut best = replaced.min(last[column + 1] + 1).min(next[column] + 1);
            let swapped = row > 0 && column > 0 && a == to[column - 1] && from[row - 1] == b;
            if swapped {
                best = best.min(before[column - 1] + 1);
            }
            next.push(best);
        }
        before = std::mem::replace(&mut last, next);
    }
    last[to.len()]
}

#[cfg(test)]
mod tests {
    use super::{edits, listed, nearest};

    #[test]
    fn counts_edits() {
        for (from, to, distance) in [
            ("", "", 0),
            ("path", "path", 0),
            ("", "ab", 2),
            ("path_get", "path_gte", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(edits(from, to), distance, "{from} {to}");
        }
    }

    #[test]
    fn lists_are_short_and_begin_with_the_nearest() {
        assert_eq!(listed("x", &[] as &[&str]), "");
        assert_eq!(listed("x", &["a"]), "`a`");
        assert_eq!(listed("of_ack", &["start", "on_ack", "end"]), "`on_ack`, `start` and `end`");
        let many: Vec<String> = (0..40).map(|at| format!("test_{at}")).collect();
        assert_eq!(
            listed("test_31x", &many),
            "`test_31`, `test_1`, `test_3`, `test_10`, `test_11` and 35 more"
        );
    }

    #[test]
    fn finds_a_slip_and_nothing_far() {
        let known = ["path_acquire", "path_release", "now_us"];
        assert_eq!(nearest("path_aquire", known), Some("path_acquire"));
        assert_eq!(nearest("bpf_ktime_get_ns", known), None);
    }
}
