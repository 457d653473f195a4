//! What Linux gives a program that it runs once, for a test (`BPF_PROG_TEST_RUN`).

use opswap::loader::ObjectFile;
use opswap::{Kernel, Packet};
use opswap_bpf::ProgramKind;

use crate::Linux;
use crate::programs::ContextSource;

/// Bytes of an Ethernet header.
const ETHERNET: usize = 14;
/// Index of the loopback device.
const LOOPBACK: u32 = 1;
/// Offsets in `struct __sk_buff`.
const LEN: u32 = 0;
const IFINDEX: u32 = 40;
/// Offset of `ingress_ifindex` in `struct xdp_md`.
const XDP_IFINDEX: u32 = 12;

impl Linux {
    /// A packet with these bytes, from its Ethernet header on, as a program of this kind is given it: most kinds see what follows
    /// that header. It came over the loopback device.
    pub fn packet(&self, kind: &ProgramKind, bytes: &[u8]) -> Packet {
        let context = self.program_type(kind).map(|(program, _)| &program.context);
        let Some(ContextSource::Layout(name, _)) = context else {
            return Packet { memory: bytes.to_vec(), ..Packet::default() };
        };
        let network = ETHERNET.min(bytes.len());
        let packet = Packet { data: bytes.to_vec(), network, ..Packet::default() };
        if !name.starts_with("skb_") {
            // Other layouts have no such field, or a number that the tests leave 0.
            if name != "xdp" {
                return packet;
            }
            return Packet { numbers: vec![(XDP_IFINDEX, LOOPBACK)], ..packet };
        }
        let start = if name == "skb_tc" { 0 } else { network };
        let len = u32::try_from(bytes.len() - start).unwrap_or(u32::MAX);
        Packet { start, numbers: vec![(LEN, len), (IFINDEX, LOOPBACK)], ..packet }
    }
}

impl Kernel for Linux {
    fn kind(&self, object: &ObjectFile, program: usize) -> ProgramKind {
        self.kind(object, program)
    }
}
