//! The nearest of some words to one that is not among them.

/// `did you mean …?`, when one word is near enough, else what there is.
pub(crate) fn suggestion(found: &str, words: &[&str]) -> String {
    let near = words.iter().map(|word| (distance(found, word), word)).min();
    match near {
        Some((distance, word)) if distance <= 2.max(found.len() / 3) => format!("did you mean `{word}`?"),
        Some(_) | None => format!(
            "expected one of {}",
            words.iter().map(|w| format!("`{w}`")).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Levenshtein distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, &to) in b.iter().enumerate() {
            let replace = diagonal + usize::from(from != to);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::suggestion;

    #[test]
    fn a_near_word_is_proposed_and_a_far_one_gets_the_list() {
        assert_eq!(suggestion("aquire", &["acquire", "release"]), "did you mean `acquire`?");
        assert_eq!(suggestion("zzzzzz", &["acquire", "release"]), "expected one of `acquire`, `release`");
    }
}
