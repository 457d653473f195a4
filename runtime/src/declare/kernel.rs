//! [`KernelType`]: types that programs know from the kernel. They are in a registry's BTF where a signature or a field names them.

/// A type of the kernel's that means something in a signature.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[repr(u8)]
pub enum KernelType {
    /// `struct bpf_dynptr`.
    Dynptr = 0,
    /// `struct bpf_spin_lock`.
    SpinLock = 1,
    /// `struct bpf_res_spin_lock`.
    ResSpinLock = 2,
    /// `struct bpf_timer`.
    Timer = 3,
    /// `struct bpf_wq`.
    Workqueue = 4,
    /// `struct bpf_task_work`.
    TaskWork = 5,
    /// `struct bpf_list_head`.
    ListHead = 6,
    /// `struct bpf_list_node`.
    ListNode = 7,
    /// `struct bpf_rb_root`.
    RbRoot = 8,
    /// `struct bpf_rb_node`.
    RbNode = 9,
    /// `struct bpf_refcount`.
    Refcount = 10,
}

/// A type's name in C, and the one member that its bytes are: its name, bytes of an element, elements.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Layout {
    pub(crate) name: &'static str,
    pub(crate) member: &'static str,
    pub(crate) element: u32,
    pub(crate) count: u32,
}

impl KernelType {
    const ALL: [Self; 11] = [
        Self::Dynptr,
        Self::SpinLock,
        Self::ResSpinLock,
        Self::Timer,
        Self::Workqueue,
        Self::TaskWork,
        Self::ListHead,
        Self::ListNode,
        Self::RbRoot,
        Self::RbNode,
        Self::Refcount,
    ];

    /// The type with this number.
    pub(crate) fn from_number(number: u32) -> Option<Self> {
        Self::ALL.into_iter().find(|ty| *ty as u32 == number)
    }

    /// Its layout (Linux 6.18's, `include/uapi/linux/bpf.h`).
    pub(crate) const fn layout(self) -> Layout {
        let (name, member, element, count) = match self {
            Self::Dynptr => ("bpf_dynptr", "__opaque", 8, 2),
            Self::SpinLock => ("bpf_spin_lock", "val", 4, 1),
            Self::ResSpinLock => ("bpf_res_spin_lock", "val", 4, 1),
            Self::Timer => ("bpf_timer", "__opaque", 8, 2),
            Self::Workqueue => ("bpf_wq", "__opaque", 8, 2),
            Self::TaskWork => ("bpf_task_work", "__opaque", 8, 1),
            Self::ListHead => ("bpf_list_head", "__opaque", 8, 2),
            Self::ListNode => ("bpf_list_node", "__opaque", 8, 3),
            Self::RbRoot => ("bpf_rb_root", "__opaque", 8, 2),
            Self::RbNode => ("bpf_rb_node", "__opaque", 8, 4),
            Self::Refcount => ("bpf_refcount", "__opaque", 4, 1),
        };
        Layout { name, member, element, count }
    }
}

#[cfg(test)]
mod tests {
    use super::KernelType;

    #[test]
    fn numbers_are_places_in_the_list() {
        for (at, ty) in KernelType::ALL.into_iter().enumerate() {
            assert_eq!(ty as usize, at);
            assert_eq!(KernelType::from_number(ty as u32), Some(ty));
        }
        assert_eq!(KernelType::from_number(u32::MAX), None);
    }
}
