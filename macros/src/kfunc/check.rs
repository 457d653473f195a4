//! What a kfunc means: every rule that can be seen in the tokens. What depends on types is asserted in the expansion.

use syn::spanned::Spanned;
use syn::{FnArg, GenericParam, Ident, LitStr, Pat, Path, Safety, Type, WherePredicate};

use super::flags::{EXCLUSIVE, Flag};
use super::parse::Input;
use super::tie::{self, Tie};
use crate::docs;
use crate::errors::Errors;
use crate::paths::Paths;
use crate::signature::{self, Seen};

/// Most parameters (`MAX_BPF_FUNC_REG_ARGS` and the stack arguments of Linux 7.2).
const MAX_ARGS: usize = 12;

/// Longest name (`KSYM_NAME_LEN` with its final zero).
const MAX_NAME: usize = 511;

const LIFETIME_BOUNDS: &str =
    "a kfunc's lifetimes have no bounds: a program's arguments are valid for the call, all for the same time";

/// A parameter.
pub(crate) struct Arg {
    /// Its name.
    pub(crate) name: Ident,
    /// Its type as written.
    pub(crate) ty: Type,
}

/// How the signature is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By Rust's rules.
    Safe,
    /// An `unsafe fn`: by the kernel's rules for raw pointers and names.
    Raw,
}

/// A kfunc.
pub(crate) struct Kfunc {
    pub(crate) mode: Mode,
    pub(crate) paths: Paths,
    pub(crate) ident: Ident,
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) flags: Vec<(Ident, &'static Flag)>,
    pub(crate) args: Vec<Arg>,
    pub(crate) ret: Type,
    pub(crate) tie: Tie,
    pub(crate) programs: Vec<String>,
    pub(crate) sets: Vec<Path>,
    pub(crate) filter: Option<Path>,
    pub(crate) deprecated: String,
}

/// The kfunc, meaningful only if no mistake was reported.
pub(crate) fn check(input: Input, errors: &mut Errors) -> Kfunc {
    qualifiers(&input, errors);
    generics(&input, errors);
    exclusive(&input.flags, errors);
    let args = args(&input, errors);
    let ret = signature::result(&input.function.sig.output);
    let mode = match input.function.sig.safety {
        Safety::Unsafe(_) => Mode::Raw,
        Safety::Safe(_) | Safety::Default => Mode::Safe,
    };
    let tie = match mode {
        Mode::Safe => tie::of(&args, &ret, errors),
        Mode::Raw => Tie::None,
    };
    if let Type::ImplTrait(hidden) = &ret {
        errors.at(hidden, "a kfunc's result is a type with a name: programs cannot hold an `impl Trait`");
    }
    let sig = &input.function.sig;
    Kfunc {
        mode,
        paths: Paths::new(input.krate.clone()),
        name: name(&input.name, &sig.ident, errors),
        ident: sig.ident.clone(),
        doc: docs::of(&input.function.attrs),
        args,
        ret,
        tie,
        programs: programs(&input, errors),
        deprecated: input.deprecated.as_ref().map(LitStr::value).unwrap_or_default(),
        flags: input.flags,
        sets: input.sets,
        filter: input.filter,
    }
}

fn qualifiers(input: &Input, errors: &mut Errors) {
    let sig = &input.function.sig;
    if let Some(token) = &sig.asyncness {
        errors.at(token, "a kfunc cannot be `async`: a program waits for its result");
    }
    if let Some(abi) = &sig.abi {
        errors.at(
            abi,
            "a kfunc is an ordinary Rust function: the macro makes the `extern \"C\"` function itself",
        );
    }
    if let Some(variadic) = &sig.variadic {
        errors.at(variadic, "a kfunc takes a fixed number of arguments");
    }
}

fn generics(input: &Input, errors: &mut Errors) {
    let generics = &input.function.sig.generics;
    for param in &generics.params {
        match param {
            GenericParam::Type(_) | GenericParam::Const(_) => errors.at(
                param,
                "a kfunc cannot be generic: a program links against one function; write one kfunc for each type",
            ),
            GenericParam::Lifetime(lifetime) if !lifetime.bounds.is_empty() => errors.at(param, LIFETIME_BOUNDS),
            GenericParam::Lifetime(_) => {}
        }
    }
    for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        let message = if matches!(predicate, WherePredicate::Lifetime(_)) {
            LIFETIME_BOUNDS
        } else {
            "a kfunc has no `where` clause: nothing about it is generic"
        };
        errors.at(predicate, message);
    }
}

fn exclusive(flags: &[(Ident, &'static Flag)], errors: &mut Errors) {
    let given = |word: &str| flags.iter().find(|(_, flag)| flag.word == word).map(|(ident, _)| ident);
    for (first, second, reason) in EXCLUSIVE {
        if let (Some(_), Some(token)) = (given(first), given(second)) {
            errors.at(token, format!("`{first}` and `{second}` contradict each other: {reason}"));
        }
    }
}

fn args(input: &Input, errors: &mut Errors) -> Vec<Arg> {
    let inputs = &input.function.sig.inputs;
    if inputs.len() > MAX_ARGS {
        errors.at(
            &inputs[MAX_ARGS],
            format!("a kfunc takes at most {MAX_ARGS} arguments, this one takes {}", inputs.len()),
        );
    }
    inputs.iter().filter_map(|param| arg(param, errors)).collect()
}

fn arg(param: &FnArg, errors: &mut Errors) -> Option<Arg> {
    let typed = match param {
        FnArg::Typed(typed) => typed,
        FnArg::Receiver(receiver) => {
            errors.at(
                receiver,
                "a kfunc is a free function: give the parameter a name and a type, such as `flow: &Flow`",
            );
            return None;
        }
    };
    if let Type::ImplTrait(hidden) = &*typed.ty {
        errors.at(hidden, "a kfunc's parameter is a type with a name: programs cannot pass an `impl Trait`");
    }
    if signature::lifetimes(&typed.ty).contains(&Seen::Static) {
        errors.at(&typed.ty, "a program's pointer is valid for the call and no longer: leave out `'static`");
    }
    let pattern = &*typed.pat;
    let name = if let Pat::Ident(name) = pattern
        && name.subpat.is_none()
    {
        name.ident.clone()
    } else if let Pat::Wild(wild) = pattern {
        Ident::new("unused", wild.span())
    } else {
        errors.at(pattern, "a kfunc's parameter is a plain name: it becomes the name in the C header");
        return None;
    };
    Some(Arg { name, ty: (*typed.ty).clone() })
}

fn name(given: &Option<LitStr>, ident: &Ident, errors: &mut Errors) -> String {
    let Some(literal) = given else { return syn::ext::IdentExt::unraw(ident).to_string() };
    let name = literal.value();
    let plain = name.bytes().all(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
    if !plain || name.is_empty() || name.as_bytes()[0].is_ascii_digit() || name.len() > MAX_NAME {
        errors.at(literal, format!("a kfunc's name is a C identifier of at most {MAX_NAME} bytes"));
    }
    name
}

fn programs(input: &Input, errors: &mut Errors) -> Vec<String> {
    let names = input.programs.as_deref().unwrap_or_default();
    for (index, name) in names.iter().enumerate() {
        if names[..index].contains(name) {
            errors.at(name, format!("`{name}` is given twice"));
        }
    }
    names.iter().map(Ident::to_string).collect()
}
