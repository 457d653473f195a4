//! Program types by section name, from `data/programs.txt`.

use std::collections::HashMap;

use opswap_bpf::Btf;
use opswap_bpf::proto::{ContextField, LegacyLoads, MemAccess, PacketRules, Sleepable};

use crate::contexts::Contexts;
use crate::helpers::{HelperSet, Helpers};
use crate::table::{Line, TableError, lines};

const TABLE: &str = "programs.txt";

/// Where a program's context comes from.
#[derive(Clone, Debug)]
pub(crate) enum ContextSource {
    /// A layout of this name.
    Layout(String, Vec<ContextField>),
    /// Plain memory of this size.
    Memory(u32),
    /// A prototype in the kernel's BTF.
    Prototype(Prototype),
}

/// Which prototype the arguments come from; the name follows in the section.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Prototype {
    /// A tracepoint (`btf_trace_NAME`).
    Tracepoint,
    /// A kernel function.
    Function,
    /// A kernel function, its result behind the arguments.
    FunctionExit,
    /// A hook of the security modules (`bpf_lsm_NAME`).
    SecurityHook,
    /// An iterator's target (`bpf_iter_NAME`).
    Iterator,
    /// A member of a table of operations.
    Operation,
}

/// What a program must return.
#[derive(Clone, Copy, Debug)]
pub(crate) enum ReturnSource {
    /// Any number.
    Any,
    /// A number between these.
    Range(i64, i64),
    /// What the prototype says.
    Prototype,
}

/// A kind of program.
#[derive(Clone, Debug)]
pub(crate) struct ProgramType {
    pub(crate) context: ContextSource,
    pub(crate) helpers: HelperSet,
    pub(crate) ret: ReturnSource,
    pub(crate) packet: PacketRules,
    /// Name of the kfunc sets that apply besides the common one.
    pub(crate) hook: String,
    pub(crate) sleepable: Sleepable,
    /// Names of the context's type in C.
    pub(crate) context_types: &'static [&'static str],
    /// Name of the kernel's own type of the context; empty when it has none.
    pub(crate) kernel_context: &'static str,
}

impl ProgramType {
    /// Whether programs are attached to a kernel function.
    pub(crate) fn is_function(&self) -> bool {
        matches!(self.context, ContextSource::Prototype(Prototype::Function | Prototype::FunctionExit))
    }
}

/// All kinds.
#[derive(Debug)]
pub(crate) struct Programs {
    types: HashMap<String, ProgramType>,
}

impl Programs {
    /// Reads the table.
    pub(crate) fn read(_btf: &Btf, contexts: &Contexts, helpers: &Helpers) -> Result<Self, TableError> {
        let mut types = HashMap::new();
        for line in lines(TABLE, include_str!("../data/programs.txt")) {
            let (row, words) = line.text.split_once('|').unwrap_or((line.text, ""));
            let [section, context, set, ret, packet, hook] = row.split_whitespace().collect::<Vec<_>>()[..]
            else {
                return Err(line.wrong("expected six words before `|`"));
            };
            let mut program = ProgramType {
                context: context_source(&line, contexts, context)?,
                helpers: helpers.set(&line, set)?,
                ret: return_source(&line, ret)?,
                packet: PacketRules { direct: direct(&line, packet)?, legacy: LegacyLoads::Refused },
                hook: hook.to_owned(),
                sleepable: Sleepable::No,
                context_types: context_types(context).0,
                kernel_context: context_types(context).1,
            };
            for word in words.split_whitespace() {
                match word {
                    "legacy" => program.packet.legacy = LegacyLoads::Allowed,
                    "sleepable" => program.sleepable = Sleepable::Yes,
                    _ => return Err(line.wrong(format!("unknown word `{word}`"))),
                }
            }
            if types.insert(section.to_owned(), program).is_some() {
                return Err(line.wrong("the section stands here twice"));
            }
        }
        Ok(Self { types })
    }

    /// The kind that a section names, and the rest of the name (`sched_switch` of `tp_btf/sched_switch`).
    pub(crate) fn resolve<'s>(&self, section: &'s str) -> Option<(&ProgramType, &'s str)> {
        let section = section.strip_prefix('?').unwrap_or(section);
        let mut end = section.len();
        loop {
            if let Some(found) = self.types.get(&section[..end]) {
                // What a hook's prototype is found by stands behind the first slash, whatever has rules of its own.
                let named = matches!(found.context, ContextSource::Prototype(_)).then(|| section.find('/'));
                let rest = &section[named.flatten().unwrap_or(end)..];
                return Some((found, rest.strip_prefix('/').unwrap_or(rest)));
            }
            end = section[..end].rfind('/')?;
        }
    }
}

fn context_source(line: &Line<'_>, contexts: &Contexts, word: &str) -> Result<ContextSource, TableError> {
    let prototype = |prototype| Ok(ContextSource::Prototype(prototype));
    match word.split_once(':') {
        Some(("memory", bytes)) => Ok(ContextSource::Memory(line.number(bytes)?)),
        Some(("btf", "tp")) => prototype(Prototype::Tracepoint),
        Some(("btf", "func")) => prototype(Prototype::Function),
        Some(("btf", "exit")) => prototype(Prototype::FunctionExit),
        Some(("btf", "lsm")) => prototype(Prototype::SecurityHook),
        Some(("btf", "iter")) => prototype(Prototype::Iterator),
        Some(("btf", "ops")) => prototype(Prototype::Operation),
        Some(_) => Err(line.wrong(format!("unknown context `{word}`"))),
        None => {
            let layout = contexts.context(word);
            layout
                .cloned()
                .map(|fields| ContextSource::Layout(word.to_owned(), fields))
                .ok_or_else(|| line.wrong(format!("unknown context `{word}`")))
        }
    }
}

/// The types that C programs declare as their context, by the layout's name (uapi `linux/bpf.h`), and the kernel's own.
fn context_types(layout: &str) -> (&'static [&'static str], &'static str) {
    const TYPES: [(&str, &[&str], &str); 17] = [
        ("skb_flow_dissector", &["__sk_buff"], "bpf_flow_dissector"),
        ("skb_", &["__sk_buff", "sk_buff"], "sk_buff"),
        ("xdp", &["xdp_md"], "xdp_buff"),
        ("sk_msg", &["sk_msg_md"], "sk_msg"),
        ("sk_reuseport", &["sk_reuseport_md"], "sk_reuseport_kern"),
        ("sk_lookup", &["bpf_sk_lookup"], "bpf_sk_lookup_kern"),
        ("sock_addr_", &["bpf_sock_addr"], "bpf_sock_addr_kern"),
        ("sock_ops", &["bpf_sock_ops"], "bpf_sock_ops_kern"),
        ("sock_create", &["bpf_sock"], "sock"),
        ("sock_post_bind", &["bpf_sock"], "sock"),
        ("sockopt_", &["bpf_sockopt"], "bpf_sockopt_kern"),
        ("cgroup_device", &["bpf_cgroup_dev_ctx"], "bpf_cgroup_dev_ctx"),
        ("cgroup_sysctl", &["bpf_sysctl"], "bpf_sysctl_kern"),
        ("netfilter", &["bpf_nf_ctx"], "bpf_nf_ctx"),
        ("pt_regs", &["bpf_user_pt_regs_t", "pt_regs"], "pt_regs"),
        ("perf_event", &["bpf_perf_event_data"], "bpf_perf_event_data_kern"),
        ("raw_tp", &["bpf_raw_tracepoint_args"], ""),
    ];
    let found = TYPES.iter().find(|(front, ..)| layout.starts_with(front));
    found.map_or((&[], ""), |&(_, names, kernel)| (names, kernel))
}

fn return_source(line: &Line<'_>, word: &str) -> Result<ReturnSource, TableError> {
    Ok(match word {
        "any" => ReturnSource::Any,
        "btf" => ReturnSource::Prototype,
        _ => {
            let (min, max) = word.split_once("..").ok_or_else(|| line.wrong("expected LO..HI"))?;
            ReturnSource::Range(line.number(min)?, line.number(max)?)
        }
    })
}

fn direct(line: &Line<'_>, word: &str) -> Result<Option<MemAccess>, TableError> {
    match word {
        "none" => Ok(None),
        "r" => Ok(Some(MemAccess::Read)),
        "rw" => Ok(Some(MemAccess::ReadWrite)),
        _ => Err(line.wrong(format!("unknown packet access `{word}`"))),
    }
}
