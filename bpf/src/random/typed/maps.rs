//! [`plain_maps`]: maps without special fields, of three kinds, and a ring buffer.

use std::sync::Arc;

use crate::BtfId;
use crate::map::{BPF_F_RDONLY_PROG, MapKind, MapProto};

/// An array, frozen data that programs only read, a hash table, and a ring buffer.
pub fn plain_maps() -> Vec<Arc<MapProto>> {
    let map = |name: &str, kind, key_size, value_size, max_entries, flags, frozen: Option<&[u8]>| {
        Arc::new(MapProto {
            name: name.into(),
            kind,
            key_size,
            value_size,
            max_entries,
            flags,
            key_type: BtfId(0),
            value_type: BtfId(0),
            fields: Vec::new(),
            inner: None,
            frozen: frozen.map(Arc::from),
        })
    };
    let text = b"\x07\0\0\0\xff\xff\xff\xff\x10\0\0\0hi!\0";
    vec![
        map("counts", MapKind::Array, 4, 16, 8, 0, None),
        map("rodata", MapKind::Array, 4, 16, 1, BPF_F_RDONLY_PROG, Some(text)),
        map("flows", MapKind::Hash, 8, 48, 8, 0, None),
        map("records", MapKind::Ringbuf, 0, 0, 4096, 0, None),
    ]
}
