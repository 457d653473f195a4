//! Two C prototypes that mean the same to a program are the same text here: numbers by width and sign, without `const`.

/// Numbers of C, as the kernel's short names; the longest first.
const NUMBERS: &[(&[&str], &str)] = &[
    (&["unsigned", "long", "long"], "u64"),
    (&["unsigned", "long"], "u64"),
    (&["unsigned", "int"], "u32"),
    (&["unsigned", "short"], "u16"),
    (&["unsigned", "char"], "u8"),
    (&["signed", "char"], "s8"),
    (&["long", "long"], "s64"),
    (&["long"], "s64"),
    (&["short"], "s16"),
    (&["int"], "s32"),
    (&["char"], "s8"),
];

fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut inside = false;
    for letter in text.chars() {
        let word = letter.is_ascii_alphanumeric() || letter == '_';
        match tokens.last_mut() {
            Some(last) if word && inside => last.push(letter),
            Some(_) | None if letter.is_whitespace() => {}
            Some(_) | None => tokens.push(letter.to_string()),
        }
        inside = word;
    }
    tokens
}

/// The prototype with its numbers under their short names.
pub(crate) fn normal(text: &str) -> String {
    let mut rest: Vec<String> = tokens(text);
    rest.retain(|token| token != "const" && token != "static");
    let mut out = Vec::new();
    let mut at = 0;
    while at < rest.len() {
        let number = NUMBERS.iter().find(|(words, _)| {
            words.iter().enumerate().all(|(n, word)| rest.get(at + n).is_some_and(|token| token == word))
        });
        match number {
            Some((words, short)) => {
                out.push((*short).to_owned());
                at += words.len();
            }
            None => {
                out.push(rest[at].clone());
                at += 1;
            }
        }
    }
    out.join(" ")
}

#[test]
fn numbers_count_by_width_and_sign() {
    assert_eq!(
        normal("static unsigned long  f(const struct a *p, signed char int_)"),
        normal("u64 f(struct a*p,s8 int_)")
    );
    assert_ne!(normal("int f(u32 a)"), normal("int f(int a)"));
}
