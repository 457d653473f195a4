//! [`Cause`]: what is known of a cause without a program.

use super::Category;

/// What is known of a cause without a program: its code, and what it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cause {
    /// Name of the cause.
    pub name: &'static str,
    /// What kind of safety is at stake.
    pub category: Category,
    pub(super) number: u16,
    /// Name of the error number that Linux's `bpf()` fails with.
    pub errno: &'static str,
    /// What is wrong, in a few words.
    pub title: &'static str,
    /// What to do about it.
    pub hint: &'static str,
}

impl Cause {
    /// The stable code (`OSW0103`).
    pub fn code(&self) -> String {
        self.category.code(self.number)
    }
}
