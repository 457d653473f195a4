//! The core helpers: functions that programs call by number, as contracts and as code.
//!
//! | number | helper | file |
//! |---|---|---|
//! | 1, 2, 3 | `bpf_map_lookup_elem`, `bpf_map_update_elem`, `bpf_map_delete_elem` | `map` |
//! | 5 | `bpf_ktime_get_ns` | `system` |
//! | 6 | `bpf_trace_printk` | `trace` |
//! | 7 | `bpf_get_prandom_u32` | `system` |
//! | 8 | `bpf_get_smp_processor_id` | `system` |
//! | 197, 201, 202, 203 | `bpf_dynptr_from_mem`, `bpf_dynptr_read`, `bpf_dynptr_write`, `bpf_dynptr_data` | `dynptr` |

mod dynptr;
mod map;
mod system;
mod trace;

pub(crate) use self::map::map_at;

use std::sync::LazyLock;

use opswap_bpf::btf::Signedness;
use opswap_bpf::insn::Size;
use opswap_bpf::proto::{
    ArgIdx, ArgKind, ArgProto, DynptrKind, DynptrMemory, HelperEffects, Intrinsic, KfuncFlags, MemAccess,
    MemInit, MemSize, Nullness, RetKind, RetProto, SizeRule,
};
use opswap_bpf::{HelperId, HelperProto};
use opswap_jit::{CodeAddr, RunHeader};

/// What compiled code calls: the five argument registers, then the run.
type HelperFn = unsafe extern "C" fn(u64, u64, u64, u64, u64, *mut RunHeader) -> u64;

struct Helper {
    proto: HelperProto,
    code: HelperFn,
}

/// Sorted by number.
static HELPERS: LazyLock<Vec<Helper>> = LazyLock::new(|| {
    let mut helpers = vec![
        Helper {
            proto: contract(
                1,
                "bpf_map_lookup_elem",
                vec![any_map(), map_key()],
                nullable(RetKind::MapValue),
            )
            .meaning(Intrinsic::MapLookup),
            code: map::lookup,
        },
        Helper {
            proto: contract(
                2,
                "bpf_map_update_elem",
                vec![any_map(), map_key(), map_value(), number("flags", Size::DW)],
                errno(),
            )
            .meaning(Intrinsic::MapUpdate),
            code: map::update,
        },
        Helper {
            proto: contract(3, "bpf_map_delete_elem", vec![any_map(), map_key()], errno())
                .meaning(Intrinsic::MapUpdate),
            code: map::delete,
        },
        Helper {
            proto: contract(5, "bpf_ktime_get_ns", vec![], scalar(Size::DW)),
            code: system::ktime_get_ns,
        },
        Helper {
            proto: contract(
                6,
                "bpf_trace_printk",
                vec![format_text(), format_size(), ignored("arg1"), ignored("arg2"), ignored("arg3")],
                errno(),
            ),
            code: trace::printk,
        },
        Helper {
            proto: contract(7, "bpf_get_prandom_u32", vec![], scalar(Size::W)),
            code: system::prandom_u32,
        },
        Helper {
            proto: contract(8, "bpf_get_smp_processor_id", vec![], scalar(Size::W)),
            code: system::smp_processor_id,
        },
    ];
    helpers.extend(dynptrs());
    helpers
});

/// The helpers on dynptrs.
fn dynptrs() -> [Helper; 4] {
    let memory =
        |name, at, access, init| arg(name, ArgKind::Memory { size: MemSize::Arg(ArgIdx(at)), access, init });
    let size = || arg("len", ArgKind::Size { rule: SizeRule::AnyOrZero });
    let dynptr = || arg("ptr", ArgKind::Dynptr(DynptrKind::Read));
    let room = arg("ptr", ArgKind::Dynptr(DynptrKind::Uninit(DynptrMemory::Local)));
    let (offset, flags) = (|| number("offset", Size::DW), || number("flags", Size::DW));
    let slice =
        RetKind::Memory { size: MemSize::Arg(ArgIdx(2)), access: MemAccess::ReadWrite, tie: Some(ArgIdx(0)) };
    let data = memory("data", 1, MemAccess::Write, MemInit::Provided);
    let to = memory("dst", 1, MemAccess::Write, MemInit::Provided);
    let from = memory("src", 3, MemAccess::Read, MemInit::Required);
    let part = arg("len", ArgKind::Const { size: Size::DW });
    [
        Helper {
            proto: contract(197, "bpf_dynptr_from_mem", vec![data, size(), flags(), room], errno())
                .meaning(Intrinsic::DynptrFromMem),
            code: dynptr::from_mem,
        },
        Helper {
            proto: contract(201, "bpf_dynptr_read", vec![to, size(), dynptr(), offset(), flags()], errno()),
            code: dynptr::read,
        },
        Helper {
            proto: contract(
                202,
                "bpf_dynptr_write",
                vec![dynptr(), offset(), from, size(), flags()],
                errno(),
            ),
            code: dynptr::write,
        },
        Helper {
            proto: contract(203, "bpf_dynptr_data", vec![dynptr(), offset(), part], nullable(slice))
                .meaning(Intrinsic::DynptrData),
            code: dynptr::data,
        },
    ]
}

fn find(id: HelperId) -> Option<&'static Helper> {
    let helpers: &'static [Helper] = &HELPERS;
    let at = helpers.binary_search_by_key(&id, |helper| helper.proto.id).ok()?;
    helpers.get(at)
}

/// The contract of a core helper.
pub fn proto(id: HelperId) -> Option<&'static HelperProto> {
    find(id).map(|helper| &helper.proto)
}

/// The code of a core helper.
pub fn addr(id: HelperId) -> Option<CodeAddr> {
    find(id).map(|helper| CodeAddr(helper.code as usize))
}

/// The core helpers, by number.
pub fn all() -> impl Iterator<Item = &'static HelperProto> {
    HELPERS.iter().map(|helper| &helper.proto)
}

/// A negative error number as a program sees it.
fn error(errno: i32) -> u64 {
    i64::from(-errno).cast_unsigned()
}

trait Meaning {
    fn meaning(self, intrinsic: Intrinsic) -> Self;
}

impl Meaning for HelperProto {
    fn meaning(mut self, intrinsic: Intrinsic) -> Self {
        self.intrinsic = Some(intrinsic);
        self
    }
}

fn contract(id: u32, name: &str, args: Vec<ArgProto>, ret: RetProto) -> HelperProto {
    HelperProto {
        id: HelperId(id),
        name: name.to_owned(),
        args,
        ret,
        flags: KfuncFlags::empty(),
        intrinsic: None,
        effects: HelperEffects::empty(),
        maps: None,
    }
}

fn arg(name: &str, kind: ArgKind) -> ArgProto {
    ArgProto { name: name.into(), kind, null: Nullness::NonNull }
}

fn any_map() -> ArgProto {
    arg("map", ArgKind::Map { shape: None })
}

fn map_key() -> ArgProto {
    arg("key", ArgKind::MapKey)
}

fn map_value() -> ArgProto {
    arg("value", ArgKind::MapValue { access: MemAccess::Read })
}

fn number(name: &str, size: Size) -> ArgProto {
    arg(name, ArgKind::Scalar { size, signed: Signedness::Unsigned })
}

fn ignored(name: &str) -> ArgProto {
    arg(name, ArgKind::Ignored)
}

fn format_text() -> ArgProto {
    let size = MemSize::Arg(ArgIdx(1));
    arg("fmt", ArgKind::Memory { size, access: MemAccess::Read, init: MemInit::Required })
}

fn format_size() -> ArgProto {
    arg("fmt_size", ArgKind::Size { rule: SizeRule::NonZero })
}

fn scalar(size: Size) -> RetProto {
    RetProto { kind: RetKind::Scalar { size, signed: Signedness::Unsigned }, null: Nullness::NonNull }
}

/// 0, or a negative error number, in 64 bits.
fn errno() -> RetProto {
    RetProto { kind: RetKind::Scalar { size: Size::DW, signed: Signedness::Signed }, null: Nullness::NonNull }
}

fn nullable(kind: RetKind) -> RetProto {
    RetProto { kind, null: Nullness::Nullable }
}

#[cfg(test)]
mod tests;
