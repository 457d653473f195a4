//! Names that C programs write: what Rust calls a name is not always one there.

/// Words of C that are names in Rust.
const WORDS: [&str; 24] = [
    "asm", "auto", "case", "char", "default", "do", "double", "float", "goto", "inline", "int", "long",
    "register", "restrict", "short", "signed", "sizeof", "switch", "typedef", "typeof", "unsigned", "void",
    "volatile", "bool",
];

/// Why C programs cannot write this name, to stand behind "…".
pub(crate) fn problem(name: &str) -> Option<String> {
    let plain = name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    if !plain || name.bytes().next().is_none_or(|first| first.is_ascii_digit()) {
        return Some("is no C identifier: letters, digits and `_`".to_owned());
    }
    WORDS.contains(&name).then(|| "is a word of C".to_owned())
}
