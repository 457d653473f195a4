//! What a kfunc means: every rule that can be seen in the tokens. What depends on types is asserted in the expansion.

use quote::ToTokens;
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Attribute, FnArg, GenericParam, Ident, LitStr, Pat, Path, Safety, Type, WherePredicate};

use super::flags::{EXCLUSIVE, Flag};
use super::parse::Input;
use super::tie::{self, Tie};
use crate::errors::Errors;
use crate::paths::Paths;
use crate::signature::{self, Seen};
use crate::{c_name, docs};

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
    /// What a destructor destroys that takes a `*mut c_void`.
    pub(crate) destroys: Option<Type>,
    pub(crate) args: Vec<Arg>,
    pub(crate) ret: Type,
    pub(crate) tie: Tie,
    pub(crate) programs: Vec<String>,
    pub(crate) sets: Vec<Path>,
    pub(crate) filter: Option<Path>,
    pub(crate) deprecated: String,
    /// The function's `#[cfg(…)]`: its declaration comes and goes with it.
    pub(crate) conditions: Vec<Attribute>,
}

/// The kfunc, meaningful only if no mistake was reported.
pub(crate) fn check(input: Input, errors: &mut Errors) -> Kfunc {
    qualifiers(&input, errors);
    attributes(&input, errors);
    generics(&input, errors);
    exclusive(&input.flags, errors);
    let args = args(&input, errors);
    let ret = signature::result(&input.function.sig.output);
    let mode = match input.function.sig.safety {
        Safety::Unsafe(_) => Mode::Raw,
        Safety::Safe(_) | Safety::Default => Mode::Safe,
    };
    if mode == Mode::Raw {
        raw(&args, errors);
    }
    let tie = match mode {
        Mode::Safe => tie::of(&args, &ret, errors),
        Mode::Raw => Tie::None,
    };
    if let Some(hidden) = signature::hidden(&ret) {
        errors.at(hidden, "a kfunc's result is a type with a name: programs cannot hold an `impl Trait`");
    }
    destructor(&input, &args, &ret, errors);
    if let (Mode::Safe, Some(ty)) = (mode, &input.destroys) {
        errors.at(
            ty,
            "`dtor = T` stands on an `unsafe fn` that takes a `*mut c_void`: a safe destructor takes a `KRef<T>`, which says what it destroys",
        );
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
        conditions: input
            .function
            .attrs
            .iter()
            .filter(|attribute| attribute.path().is_ident("cfg"))
            .cloned()
            .collect(),
        flags: input.flags,
        destroys: input.destroys,
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
    inputs.iter().enumerate().filter_map(|(index, param)| arg(index, param, errors)).collect()
}

fn arg(index: usize, param: &FnArg, errors: &mut Errors) -> Option<Arg> {
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
    if let Some(hidden) = signature::hidden(&typed.ty) {
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
        Ident::new(&format!("arg{index}"), wild.span())
    } else {
        errors.at(pattern, "a kfunc's parameter is a plain name: it becomes the name in the C header");
        return None;
    };
    let text = name.unraw().to_string();
    if let Some(problem) = c_name::problem(&text) {
        errors
            .at(&name, format!("a kfunc's parameter becomes a name in the C header, and `{text}` {problem}"));
    }
    if let Some(attribute) = typed.attrs.iter().find(|attribute| is_conditional(attribute)) {
        errors.at(
            attribute,
            "a kfunc has the same parameters in every build: write one kfunc for each, under a `#[cfg(…)]` of its own",
        );
    }
    Some(Arg { name, ty: (*typed.ty).clone() })
}

/// `#[cfg(…)]` and `#[cfg_attr(…)]`.
fn is_conditional(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr")
}

/// Attributes of the function that contradict what it is.
fn attributes(input: &Input, errors: &mut Errors) {
    for attribute in &input.function.attrs {
        let path = attribute.path();
        if path.is_ident("target_feature") {
            errors.at(
                attribute,
                "a kfunc runs on every machine that the program runs on: leave out `target_feature`",
            );
        } else if path.segments.last().is_some_and(|last| last.ident == "kfunc") {
            errors.at(
                attribute,
                "`#[kfunc]` stands here a second time: programs know the function by one name",
            );
        }
    }
}

/// Raw parameters are not borrowed.
fn raw(args: &[Arg], errors: &mut Errors) {
    for arg in args {
        if let Type::Reference(reference) = &arg.ty {
            errors.at(
                reference,
                "an `unsafe fn` kfunc takes numbers and raw pointers: write `*const T` or `*mut T`, or make the function safe",
            );
        }
    }
}

/// A destructor takes what it destroys, and nothing more.
fn destructor(input: &Input, args: &[Arg], ret: &Type, errors: &mut Errors) {
    let Some((word, _)) = input.flags.iter().find(|(_, flag)| flag.word == "dtor") else { return };
    if let [_, second, ..] = args {
        errors.at(&second.name, "a destructor has one parameter: the reference that it destroys");
    } else if args.is_empty() {
        errors.at(word, "a destructor has a parameter, the reference that it destroys: `KRef<T>`");
    }
    if !matches!(ret, Type::Tuple(unit) if unit.elems.is_empty()) {
        errors.at(ret, "a destructor returns nothing: nobody waits for a result when a map is freed");
    }
}

fn name(given: &Option<LitStr>, ident: &Ident, errors: &mut Errors) -> String {
    let (name, at) = match given {
        Some(literal) => (literal.value(), literal.to_token_stream()),
        None => (ident.unraw().to_string(), ident.to_token_stream()),
    };
    let problem = if name.len() > MAX_NAME {
        Some(format!("has more than {MAX_NAME} bytes"))
    } else {
        c_name::problem(&name)
    };
    if let Some(problem) = problem {
        let fix = if given.is_some() { "" } else { "; give it another with `name = \"…\"`" };
        errors.at(at, format!("C programs write a kfunc's name, and `{name}` {problem}{fix}"));
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
