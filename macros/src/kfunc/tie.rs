//! Which argument a result was borrowed from, by the lifetimes of the signature and Rust's rule for elided ones.

use syn::Type;

use super::check::Arg;
use crate::errors::Errors;
use crate::signature::{self, Seen};

/// Where a result was borrowed from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Tie {
    /// No lifetime in sight.
    None,
    /// `'static`.
    Static,
    /// The argument with this index.
    Arg(usize),
}

/// The tie of a result. Where Rust itself will complain, nothing is reported here.
pub(crate) fn of(args: &[Arg], ret: &Type, errors: &mut Errors) -> Tie {
    let seen = signature::lifetimes(ret);
    let borrowed: Vec<&Seen> = seen.iter().filter(|life| **life != Seen::Static).collect();
    let life = match borrowed[..] {
        [] if seen.contains(&Seen::Static) => return Tie::Static,
        [] => return Tie::None,
        [life] => life,
        [..] => {
            errors.at(ret, "a result borrows from one argument: use one lifetime here");
            return Tie::None;
        }
    };
    let holders: Vec<usize> = args
        .iter()
        .enumerate()
        .filter(|(_, arg)| {
            let shown = signature::lifetimes(&arg.ty);
            match life {
                Seen::Elided => !shown.is_empty(),
                Seen::Named(_) | Seen::Static => shown.contains(life),
            }
        })
        .map(|(index, _)| index)
        .collect();
    match holders[..] {
        [index] => Tie::Arg(index),
        [] => {
            errors.at(
                ret,
                "no parameter shows this lifetime: write `'static`, or the lifetime in the parameter's type",
            );
            Tie::None
        }
        // Two elided lifetimes and an elided result: rustc explains that better.
        [_, second, ..] if matches!(life, Seen::Named(_)) => {
            errors.at(
                &args[second].ty,
                "two parameters share the result's lifetime: a program's pointer is tied to one argument, so give this one a lifetime \
                 of its own",
            );
            Tie::None
        }
        [..] => Tie::None,
    }
}
