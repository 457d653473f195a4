//! [`Linker`]: where things lie. Addresses, never contracts.

use opswap_bpf::{BtfId, HelperId, KfuncId, MapId};

/// Address of a function with the host's calling convention.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct CodeAddr(pub usize);

/// Address of data that outlives the compiled code.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct DataAddr(pub usize);

/// Answers for one program. What it names must outlive the compiled code.
pub trait Linker {
    /// A kfunc's shim.
    fn kfunc(&self, id: KfuncId, module: i16) -> Option<CodeAddr>;
    /// A helper.
    fn helper(&self, id: HelperId) -> Option<CodeAddr>;
    /// What a map pointer points to.
    fn map(&self, id: MapId) -> Option<DataAddr>;
    /// The value of a map with a single entry.
    fn map_value(&self, id: MapId) -> Option<DataAddr>;
    /// A host variable, by the BTF id of its VAR and the module that the id belongs to (0: the host itself).
    fn host_var(&self, id: BtfId, module: u32) -> Option<DataAddr> {
        let _ = (id, module);
        None
    }
    /// What makes legacy packet loads: `fn(offset, bytes, _, _, _, run)`, which gives the number in host order, or sets
    /// [`RunHeader::leave`](crate::RunHeader::leave) and gives 0 for bytes beyond the packet.
    fn packet_load(&self) -> Option<CodeAddr> {
        None
    }
    /// The CFI hash that stands in front of the entry: that of the operation's prototype.
    fn cfi_hash(&self) -> u32 {
        0
    }
}
