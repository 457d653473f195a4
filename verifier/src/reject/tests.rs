//! The table of causes as a whole.

use super::CAUSES;

#[test]
fn every_cause_has_a_code_of_its_own() {
    let mut codes: Vec<String> = CAUSES.iter().map(|cause| cause.code()).collect();
    codes.sort();
    let count = codes.len();
    codes.dedup();
    assert_eq!(codes.len(), count);
}

#[test]
fn every_cause_has_advice_in_the_house_style() {
    for cause in CAUSES {
        assert!(!cause.hint.is_empty() && !cause.hint.ends_with('.'), "{cause:?}");
    }
}
