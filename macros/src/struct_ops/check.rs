//! What a table of operations means.

use quote::ToTokens;
use syn::ext::IdentExt;
use syn::{Attribute, Ident, LitStr, Type, TypeFnPtr, Visibility};

use super::parse::{Form, Input, Member as Written, OpWords, reprs};
use crate::errors::Errors;
use crate::paths::Paths;
use crate::signature::{self, Seen};
use crate::{c_name, docs};

/// Most operations of a table (the kernel's `BPF_STRUCT_OPS_MAX_NR_MEMBERS`).
const MAX_MEMBERS: usize = 64;

/// Most arguments of an operation (the kernel's `MAX_BPF_FUNC_ARGS`).
const MAX_ARGS: usize = 12;

/// Whether programs must provide an operation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Presence {
    Required,
    Optional,
    Unsupported,
}

/// Whether an operation may sleep.
#[derive(Clone, Copy)]
pub(crate) enum Sleep {
    Atomic,
    Sleepable,
}

/// How the native implementation stores an operation.
#[derive(Clone, Copy)]
pub(crate) enum Native {
    /// `fn(…)`.
    Always,
    /// `Option<fn(…)>`.
    Maybe,
}

/// An operation.
pub(crate) struct Op {
    pub(crate) presence: Presence,
    pub(crate) sleep: Sleep,
    pub(crate) native: Native,
    pub(crate) args: Vec<(Ident, Type)>,
    pub(crate) ret: Type,
}

/// A member of a table.
pub(crate) struct Member {
    pub(crate) ident: Ident,
    pub(crate) doc: String,
    pub(crate) ty: Type,
    /// `None` for data.
    pub(crate) op: Option<Op>,
}

/// A table of operations.
pub(crate) struct Table {
    pub(crate) paths: Paths,
    pub(crate) ident: Ident,
    pub(crate) vis: Visibility,
    pub(crate) name: String,
    pub(crate) doc: String,
    pub(crate) members: Vec<Member>,
}

/// The table, meaningful only if no mistake was reported.
pub(crate) fn check(input: Input, errors: &mut Errors) -> Table {
    let item = &input.item;
    if !item.generics.params.is_empty() {
        errors.at(&item.generics, "a table of operations cannot be generic: programs fill in one layout");
    }
    for repr in reprs(&item.attrs) {
        if !repr.to_string().split([',', ' ', '(']).any(|word| word == "C")
            || repr.to_string().contains("packed")
        {
            errors.at(repr, "a table of operations has the layout of C: write `#[repr(C)]`, or leave it out");
        }
    }
    let members: Vec<Member> = input.members.into_iter().map(|member| check_member(member, errors)).collect();
    if !members.iter().any(|member| member.op.is_some()) {
        errors.at(
            &item.ident,
            "a table of operations has at least one operation: a field of type `fn(…)` or `Option<fn(…)>`",
        );
    }
    if members.len() > MAX_MEMBERS {
        errors.at(&members[MAX_MEMBERS].ident, format!("a table has at most {MAX_MEMBERS} members"));
    }
    Table {
        paths: Paths::new(input.krate),
        name: name(input.name.as_ref(), &item.ident, errors),
        doc: docs::of(&item.attrs),
        ident: item.ident.clone(),
        vis: item.vis.clone(),
        members,
    }
}

fn check_member(member: Written, errors: &mut Errors) -> Member {
    c_name(&member.ident.unraw().to_string(), &member.ident, "a member's name", errors);
    let conditional =
        |attribute: &&Attribute| attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr");
    if let Some(attribute) = member.attributes.iter().find(conditional) {
        errors.at(attribute, "a table has the same members in every build: programs fill in one layout");
    }
    let op = match &member.form {
        Form::Op(function) => Some(op(function, Native::Always, &member.words, errors)),
        Form::OptionalOp(function) => Some(op(function, Native::Maybe, &member.words, errors)),
        Form::Data => {
            if let Some(given) = &member.words.given {
                errors
                    .at(given, "`#[op]` stands on an operation: a field of type `fn(…)` or `Option<fn(…)>`");
            }
            None
        }
    };
    Member { ident: member.ident, doc: docs::of(&member.attributes), ty: member.ty, op }
}

fn op(function: &TypeFnPtr, native: Native, words: &OpWords, errors: &mut Errors) -> Op {
    let OpWords { required, unsupported, sleepable, .. } = words;
    if let (Some(_), Some(token)) = (required, unsupported) {
        errors.at(token, "`required` and `unsupported` contradict each other");
    }
    if let (Some(_), Some(token)) = (sleepable, unsupported) {
        errors.at(
            token,
            "`sleepable` and `unsupported` contradict each other: no program may provide this operation",
        );
    }
    let presence = match (required, unsupported, native) {
        (_, Some(_), _) => Presence::Unsupported,
        (Some(_), None, _) => Presence::Required,
        (None, None, Native::Always | Native::Maybe) => Presence::Optional,
    };
    if let Some(token) = &function.unsafety {
        errors.at(
            token,
            "an operation is a safe function: what it may rely on stands in its parameters' types",
        );
    }
    if let Some(abi) = &function.abi {
        errors.at(abi, "an operation is an ordinary Rust function: leave out `extern`");
    }
    if let Some(variadic) = &function.variadic {
        errors.at(variadic, "an operation takes a fixed number of arguments");
    }
    let ret = signature::result(&function.output);
    if !signature::lifetimes(&ret).is_empty() {
        errors.at(&ret, "a program cannot return a borrowed pointer: return `KRef<T>` or `Option<KRef<T>>`");
    }
    let sleep = if sleepable.is_some() { Sleep::Sleepable } else { Sleep::Atomic };
    Op { presence, sleep, native, args: args(function, errors), ret }
}

fn args(function: &TypeFnPtr, errors: &mut Errors) -> Vec<(Ident, Type)> {
    if let Some(beyond) = function.inputs.iter().nth(MAX_ARGS) {
        errors.at(
            beyond,
            format!(
                "an operation takes at most {MAX_ARGS} arguments, this one takes {}",
                function.inputs.len()
            ),
        );
    }
    let args = function.inputs.iter().enumerate().map(|(index, input)| {
        if signature::lifetimes(&input.ty).contains(&Seen::Static) {
            errors.at(&input.ty, "an operation's pointer is valid for the call: leave out `'static`");
        }
        let name = match &input.name {
            Some((name, _)) if name != "_" => name.clone(),
            Some(_) | None => quote::format_ident!("arg{index}"),
        };
        (name, signature::erased(&input.ty))
    });
    args.collect()
}

fn name(given: Option<&LitStr>, ident: &Ident, errors: &mut Errors) -> String {
    let (name, at) = match given {
        Some(literal) => (literal.value(), literal.to_token_stream()),
        None => (snake_case(&ident.unraw().to_string()), ident.to_token_stream()),
    };
    c_name(&name, at, "a table's name", errors);
    name
}

/// Reports a name that C programs cannot write.
fn c_name(name: &str, at: impl ToTokens, what: &str, errors: &mut Errors) {
    if let Some(problem) = c_name::problem(name) {
        errors.at(at, format!("C programs write {what}, and `{name}` {problem}"));
    }
}

/// `CongestionOps` as `congestion_ops`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for (at, letter) in name.char_indices() {
        if letter.is_uppercase() && at > 0 {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}
