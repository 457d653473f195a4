//! Comparison of an object's types with the host's.

/// The first difference between two types, each shown as C.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mismatch {
    /// Name of the type or function.
    pub name: String,
    /// One sentence: what differs.
    pub difference: String,
    /// The object's declaration as C; the line that differs first begins with `>`.
    pub object: String,
    /// The host's declaration as C, marked likewise.
    pub host: String,
}

impl std::fmt::Display for Mismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        writeln!(f, "`{}` differs between the object and the host: {}", self.name, self.difference)?;
        writeln!(f, "in the object:\n{}", self.object.trim_end())?;
        write!(f, "in the host:\n{}", self.host.trim_end())
    }
}

impl std::error::Error for Mismatch {}
