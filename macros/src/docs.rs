//! Doc comments as one string.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The lines of the doc comment, joined with `\n`, each without its leading space.
pub(crate) fn of(attributes: &[Attribute]) -> String {
    let lines = attributes.iter().filter_map(|attribute| {
        let Meta::NameValue(pair) = &attribute.meta else { return None };
        let Expr::Lit(ExprLit { lit: Lit::Str(line), .. }) = &pair.value else { return None };
        pair.path.is_ident("doc").then(|| line.value())
    });
    let lines: Vec<String> =
        lines.map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned()).collect();
    lines.join("\n").trim_end().to_owned()
}
