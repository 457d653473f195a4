//! Verdicts on programs in text against the running kernel's types, where they can be read: casts, hooks, maps as objects.
//!
//! Each program was written from the kernel's rules; `[accept]` or the text of the refusal stands beside it.

use std::sync::Arc;

use opswap_bpf::asm::{Names, assemble_with};
use opswap_bpf::insn::CallTarget;
use opswap_bpf::map::MapKind;
use opswap_bpf::program::{License, LoadFlags};
use opswap_bpf::{Btf, BtfId, HelperId, MapId, MapProto, OpIdx, Program, ProgramKind};
use opswap_linux::Linux;
use opswap_verifier::verify;

struct Kernel(Linux);

/// The running kernel, if its types can be read.
fn running() -> Option<Kernel> {
    let bytes = std::fs::read("/sys/kernel/btf/vmlinux").ok()?;
    let btf = Btf::parse(&bytes).expect("the kernel's own types are well formed");
    Some(Kernel(Linux::new(Arc::new(btf)).expect("the tables are well formed")))
}

impl Names for Kernel {
    fn call(&self, name: &str) -> Option<CallTarget> {
        if let Some(id) = self.0.kfunc_named(name) {
            return Some(CallTarget::Kfunc { id, module: 0 });
        }
        let mut helpers = self.0.helper_protos().iter();
        helpers.find(|helper| helper.name == name).map(|helper| CallTarget::Helper(helper.id))
    }

    fn map(&self, name: &str) -> Option<MapId> {
        (name == "arena").then_some(MapId(0))
    }
}

impl Kernel {
    fn program(&self, kind: ProgramKind, text: &str) -> Program {
        let text = match self.0.types().find_struct("sk_buff") {
            Some(id) => text.replace("SK_BUFF", &id.0.to_string()),
            None => text.to_owned(),
        };
        let insns = assemble_with(&text, self).unwrap_or_else(|error| panic!("{text}: {error}")).insns;
        let mut program = Program::bare("test", kind, insns);
        program.maps.push(Arc::new(MapProto {
            name: "arena".into(),
            kind: MapKind::Arena,
            key_size: 0,
            value_size: 0,
            max_entries: 10,
            flags: 0,
            key_type: BtfId(0),
            value_type: BtfId(0),
            fields: Vec::new(),
            inner: None,
            frozen: None,
        }));
        program
    }

    fn verdict(&self, section: &str, text: &str) -> String {
        let program = self.program(ProgramKind::Named(section.to_owned()), text);
        match verify(program, &self.0) {
            Ok(_) => "[accept]".to_owned(),
            Err(rejection) => rejection.to_string(),
        }
    }

    #[track_caller]
    fn expect(&self, section: &str, text: &str, expected: &str) {
        let found = self.verdict(section, text);
        assert!(found.contains(expected), "{section}: {found}\nexpected {expected}\n{text}");
    }
}

#[test]
fn the_context_is_seen_as_the_kernel_s_own() {
    let Some(kernel) = running() else {
        opswap_skips::skipped("no /sys/kernel/btf/vmlinux");
        return;
    };
    let cast = "call bpf_cast_to_kern_ctx\nr0 = *(u64 *)(r0 + 0)\nr0 = 0\nexit";
    kernel.expect("tc", cast, "[accept]");
    kernel.expect("xdp", cast, "[accept]");
    // A raw tracepoint's context is no struct of the kernel.
    kernel.expect("raw_tp", cast, "is not a function");
    let moved = "r1 += 8\ncall bpf_cast_to_kern_ctx\nr0 = 0\nexit";
    kernel.expect("tc", moved, "dereference of modified ctx ptr R1 off=8 disallowed");
    let other = "r1 = 0\ncall bpf_cast_to_kern_ctx\nr0 = 0\nexit";
    kernel.expect("tc", other, "arg#0 expected pointer to ctx, but got scalar");
    let written = "call bpf_cast_to_kern_ctx\n*(u64 *)(r0 + 0) = 1\nr0 = 0\nexit";
    kernel.expect("tc", written, "only read is supported");
}

#[test]
fn what_is_seen_as_another_type_is_only_looked_at() {
    let Some(kernel) = running() else {
        opswap_skips::skipped("no /sys/kernel/btf/vmlinux");
        return;
    };
    let of = |ty: &str, then: &str| format!("r1 = 5\nr2 = {ty}\ncall bpf_rdonly_cast\n{then}\nr0 = 0\nexit");
    kernel.expect("tc", &of("SK_BUFF", "r0 = *(u64 *)(r0 + 0)"), "[accept]");
    kernel.expect("tc", &of("SK_BUFF", "*(u32 *)(r0 + 0) = 1"), "only read is supported");
    kernel.expect("tc", &of("SK_BUFF", "r0 = *(u32 *)(r0 + 3000)"), "access beyond struct sk_buff");
    let followed = "r1 = r0\nr2 = 0\nr3 = r10\nr4 = 0\nr5 = 0\ncall bpf_skb_output";
    kernel.expect("fentry/do_nanosleep", &of("SK_BUFF", followed), "R1 type=untrusted_ptr_ expected=");
    kernel.expect("tc", &of("0", "r0 = *(u64 *)(r0 + 30000)"), "[accept]");
    kernel.expect("tc", &of("0", "r0 = *(u64 *)(r0 - 8)"), "[accept]");
    kernel.expect("tc", &of("0", "*(u8 *)(r0 + 0) = 1"), "R0 cannot write into rdonly_untrusted_mem");
    let passed = "r1 = r0\nr2 = 8\nr3 = 0\nr4 = 0\nr5 = 0\ncall bpf_csum_diff";
    kernel.expect("tc", &of("0", passed), "R1 type=rdonly_untrusted_mem expected=");
    kernel.expect("tc", &of("1", ""), "type ID argument must be of a struct");
    kernel.expect("tc", &of("0x7fffffff", ""), "Unknown type ID 2147483647 passed to kfunc bpf_rdonly_cast");
    let unknown = "r2 = *(u32 *)(r1 + 0)\nr1 = 0\ncall bpf_rdonly_cast\nr0 = 0\nexit";
    kernel.expect("tc", unknown, "R2 must be a known constant");
}

/// What the kernel (6.18) says of a member that is read from the first argument of a tracepoint: section, struct, member.
const HELD: [(&str, &str, &str, &str); 16] = [
    ("tp_btf/task_newtask", "task_struct", "cpus_ptr", "rcu_ptr_"),
    ("tp_btf/task_newtask", "task_struct", "cgroups", "rcu_ptr_"),
    ("tp_btf/task_newtask", "task_struct", "real_parent", "rcu_ptr_"),
    ("tp_btf/task_newtask", "task_struct", "group_leader", "rcu_ptr_"),
    ("tp_btf/task_newtask", "task_struct", "last_wakee", "ptr_"),
    ("tp_btf/task_newtask", "task_struct", "parent", "ptr_"),
    ("tp_btf/task_newtask", "task_struct", "mm", "ptr_"),
    ("tp_btf/cgroup_mkdir", "cgroup", "kn", "rcu_ptr_"),
    ("tp_btf/cgroup_mkdir", "cgroup", "root", "ptr_"),
    ("tp_btf/rss_stat", "mm_struct", "exe_file", "rcu_ptr_or_null_"),
    ("tp_btf/rss_stat", "mm_struct", "pgd", "ptr_"),
    ("tp_btf/kfree_skb", "sk_buff", "sk", "rcu_ptr_or_null_"),
    // In a union of several members.
    ("tp_btf/kfree_skb", "sk_buff", "dev", "untrusted_ptr_"),
    ("tp_btf/kfree_skb", "sk_buff", "prev", "untrusted_ptr_"),
    // In a program that may sleep.
    ("iter.s/task", "bpf_iter_meta", "seq", "trusted_ptr_"),
    ("iter.s/bpf_map", "bpf_iter_meta", "seq", "trusted_ptr_"),
];

/// Where a member lies, in nameless structs and unions, too.
fn offset_of(btf: &Btf, id: BtfId, wanted: &str) -> Option<u32> {
    btf.members(id)?.iter().find_map(|member| {
        let inside = match member.name.as_str() {
            "" => offset_of(btf, btf.skip_modifiers(member.ty), wanted)?,
            name if name == wanted => 0,
            _ => return None,
        };
        Some(member.bit_offset / 8 + inside)
    })
}

#[test]
fn members_are_held_as_in_the_kernel() {
    let Some(kernel) = running() else {
        opswap_skips::skipped("no /sys/kernel/btf/vmlinux");
        return;
    };
    let btf = kernel.0.types();
    for (section, owner, member, held) in HELD {
        let offset = btf.find_struct(owner).and_then(|id| offset_of(btf, id, member));
        let Some(offset) = offset else {
            opswap_skips::skipped(format!("this kernel has no {owner}.{member}"));
            continue;
        };
        let text =
            format!("r1 = *(u64 *)(r1 + 0)\nr1 = *(u64 *)(r1 + {offset})\ncall bpf_map_lookup_elem\nexit");
        kernel.expect(section, &text, &format!("R1 type={held} expected=map_ptr"));
    }
}

/// What the kernel (6.18) says of bytes of a task that `bpf_trace_printk` is to read: member, bytes from there on, how many.
const READ: [(&str, u32, u32, &str); 9] = [
    ("comm", 0, 16, "[accept]"),
    ("comm", 4, 12, "[accept]"),
    ("comm", 0, 17, "access beyond the end of member comm"),
    ("comm", 4, 13, "access beyond the end of member comm"),
    ("pid", 0, 4, "[accept]"),
    ("pid", 0, 8, "access beyond the end of member pid"),
    ("mm", 0, 8, "[accept]"),
    ("mm", 0, 4, "cannot access ptr member mm"),
    ("tasks", 0, 16, "cannot access ptr member next"),
];

#[test]
fn members_of_trusted_objects_are_memory_to_read() {
    let Some(kernel) = running() else {
        opswap_skips::skipped("no /sys/kernel/btf/vmlinux");
        return;
    };
    let btf = kernel.0.types();
    let task = btf.find_struct("task_struct").expect("every kernel has tasks");
    let offset = |member| offset_of(btf, task, member).expect("tasks have these for long");
    let read = |before: &str, at: u32, bytes: u32| {
        format!(
            "r1 = *(u64 *)(r1 + 0)\n{before}\nr1 += {at}\nr2 = {bytes}\ncall bpf_trace_printk\nr0 = 0\nexit"
        )
    };
    for (member, from, bytes, expected) in READ {
        kernel.expect("tp_btf/task_newtask", &read("", offset(member) + from, bytes), expected);
    }
    let walked = format!("r1 = *(u64 *)(r1 + {})", offset("last_wakee"));
    kernel.expect("tp_btf/task_newtask", &read(&walked, offset("comm"), 16), "R1 type=ptr_ expected=fp");
    let written = format!(
        "r1 = *(u64 *)(r1 + 0)\nr1 += {}\nr2 = 16\ncall bpf_get_current_comm\nr0 = 0\nexit",
        offset("comm")
    );
    kernel.expect("tp_btf/task_newtask", &written, "R1 type=trusted_ptr_");
}

#[test]
fn a_packet_that_is_pulled_moves() {
    let Some(kernel) = running() else {
        opswap_skips::skipped("no /sys/kernel/btf/vmlinux");
        return;
    };
    if kernel.0.kfunc_named("bpf_xdp_pull_data").is_none() {
        opswap_skips::skipped("this kernel has no bpf_xdp_pull_data");
        return;
    }
    let text = |after: &str| {
        format!(
            "r6 = r1\nr7 = *(u32 *)(r1 + 0)\nr8 = *(u32 *)(r1 + 4)\nr9 = r7\nr9 += 8\nif r9 > r8 goto out\n\
             r1 = r6\nr2 = 64\ncall bpf_xdp_pull_data\n{after}\nout:\nr0 = 2\nexit"
        )
    };
    kernel.expect("xdp", &text(""), "[accept]");
    kernel.expect("xdp", &text("r0 = *(u8 *)(r7 + 0)"), "R7 invalid mem access 'scalar'");
}

#[test]
fn arenas_hand_out_pages() {
    let Some(kernel) = running() else {
        opswap_skips::skipped("no /sys/kernel/btf/vmlinux");
        return;
    };
    if kernel.0.kfunc_named("bpf_arena_alloc_pages").is_none() {
        opswap_skips::skipped("this kernel has no arenas");
        return;
    }
    let alloc = |then: &str| {
        format!(
            "r1 = map[arena]\nr2 = 0\nr3 = 1\nr4 = -1\nr5 = 0\ncall bpf_arena_alloc_pages\n{then}\nr0 = 0\nexit"
        )
    };
    kernel.expect("syscall", &alloc("r1 = addr_space_cast(r0, 0, 1)\n*(u64 *)(r1 + 0) = 1"), "[accept]");
    kernel.expect("syscall", &alloc("*(u64 *)(r0 + 0) = 1"), "R0 invalid mem access 'scalar'");
    // It sleeps.
    kernel.expect(
        "tc",
        &alloc(""),
        "program must be sleepable to call sleepable kfunc bpf_arena_alloc_pages",
    );
    let other = "r1 = 5\nr2 = 0\nr3 = 1\nr4 = -1\nr5 = 0\ncall bpf_arena_alloc_pages\nr0 = 0\nexit";
    kernel.expect("syscall", other, "arg#0 pointer type STRUCT bpf_map");
}

#[test]
fn a_program_has_one_arena_or_none() {
    let Some(kernel) = running() else {
        opswap_skips::skipped("no /sys/kernel/btf/vmlinux");
        return;
    };
    let kind = || ProgramKind::Named("syscall".to_owned());
    let cast = "r1 = 0\nr1 = addr_space_cast(r1, 0, 1)\nr0 = 0\nexit";
    let mut none = kernel.program(kind(), cast);
    none.maps.clear();
    let refused = verify(none, &kernel.0).expect_err("there is no arena").to_string();
    assert!(refused.contains("in a program that has an associated arena"), "{refused}");
    let mut two = kernel.program(kind(), "r1 = map[arena]\nr0 = 0\nexit");
    two.maps.push(Arc::clone(&two.maps[0]));
    let refused = verify(two, &kernel.0).expect_err("there are two").to_string();
    assert!(refused.contains("Only one arena per program"), "{refused}");
}

#[test]
fn some_hooks_give_arguments_that_are_not_trusted() {
    let Some(kernel) = running() else {
        opswap_skips::skipped("no /sys/kernel/btf/vmlinux");
        return;
    };
    let acquire = "r1 = *(u64 *)(r1 + 0)\ncall bpf_task_acquire\nif r0 == 0 goto out\nr1 = r0\n\
                   call bpf_task_release\nout:\nr0 = 0\nexit";
    kernel.expect("lsm/task_free", acquire, "R1 must be a rcu pointer");
    kernel.expect("tp_btf/task_newtask", acquire, "[accept]");
    let css = "r2 = *(u64 *)(r1 + 0)\nr1 = r10\nr1 += -24\nr3 = 0\ncall bpf_iter_css_task_new\nr1 = r10\n\
               r1 += -24\ncall bpf_iter_css_task_destroy\nr0 = 0\nexit";
    let refused = "css_task_iter is only allowed in bpf_lsm, bpf_iter and sleepable progs";
    kernel.expect("tp_btf/task_newtask", css, refused);
}

#[test]
fn operations_are_refused_for_their_licence_their_sleep_and_their_calls() {
    let Some(kernel) = running() else {
        opswap_skips::skipped("no /sys/kernel/btf/vmlinux");
        return;
    };
    let op = |op| ProgramKind::StructOps { ops: "tcp_congestion_ops".to_owned(), op: OpIdx(op) };
    let judged = |program: Program| match verify(program, &kernel.0) {
        Ok(_) => "[accept]".to_owned(),
        Err(rejection) => rejection.to_string(),
    };
    let empty = || kernel.program(op(0), "r0 = 0\nexit");
    assert_eq!(judged(empty()), "[accept]");
    let other = Program { license: License::Other, ..empty() };
    assert_eq!(judged(other), "struct ops programs must have a GPL compatible license");
    let asleep = Program { flags: LoadFlags::SLEEPABLE, ..empty() };
    assert_eq!(judged(asleep), "attach to unsupported member ssthresh of struct tcp_congestion_ops");
    let members = kernel.0.types().find_struct("tcp_congestion_ops");
    let members = members.and_then(|ops| kernel.0.types().members(ops)).expect("every kernel has it");
    let functions = members.iter().filter(|member| {
        let target = kernel.0.types().pointee(kernel.0.types().skip_modifiers(member.ty));
        target.is_some_and(|target| {
            matches!(kernel.0.types().resolve(target), opswap_bpf::BtfType::FuncProto { .. })
        })
    });
    let at = |name: &str| {
        let at = functions.clone().position(|member| member.name == name).expect("a member");
        op(u32::try_from(at).expect("few"))
    };
    let setsockopt = "r1 = *(u64 *)(r1 + 0)\nr2 = 6\nr3 = 1\nr4 = r10\nr4 += -8\n*(u64 *)(r4 + 0) = 0\nr5 = 4\n\
                      call bpf_setsockopt\nr0 = 0\nexit";
    assert_eq!(judged(kernel.program(at("init"), setsockopt)), "[accept]");
    let refused = judged(kernel.program(at("release"), setsockopt));
    assert_eq!(refused, format!("program of this type cannot use helper bpf_setsockopt#{}", HelperId(49).0));
}
