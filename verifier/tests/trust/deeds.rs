//! What functions do that keep objects on the program's stack: each looks whether its object is there and may be used now.

use opswap_bpf::TypeRef;
use opswap_bpf::interp::Stop;
use opswap_bpf::proto::IrqClass;

use crate::bed::{Kind, PEER_BYTES};
use crate::calls::{World, escape};
use crate::heap::{Block, Writes};
use crate::kept::{Iter, Kept};

impl World<'_> {
    /// Carries out a kfunc; `None` when it is no such function.
    pub(crate) fn on_stack(&mut self, name: &str, args: [u64; 5]) -> Option<Result<u64, Stop>> {
        let types = self.bed.types;
        let place = args[0];
        Some(match name {
            "peers_new" => self.begin(place, types.peers, None),
            "peers_of" => {
                self.object(args[1], types.packet).and_then(|()| self.begin(place, types.peers, None))
            }
            "peers_new_rcu" => {
                let section = self.heap.0.borrow().ledger.section;
                self.begin(place, types.peers, section)
            }
            "num_new" => self.begin(place, types.num, None),
            "packets_new" => self.begin(place, types.packets, None),
            "peers_left" => self.iterator(place, types.peers).map(|iter| iter.left.into()),
            "peers_next" => self.next(place, types.peers, |world| world.lend_peer()),
            "num_next" => self.next(place, types.num, |world| {
                world.heap.0.borrow_mut().add(Block::Memory, vec![6, 0, 0, 0], Writes::Refused, false)
            }),
            "packets_next" => self.next(place, types.packets, |world| world.packet()),
            "peers_destroy" => self.destroy(place, types.peers),
            "num_destroy" => self.destroy(place, types.num),
            "packets_destroy" => self.destroy(place, types.packets),
            "irq_save" => self.save(place, IrqClass::Native),
            "lock_irq" => self.save(place, IrqClass::Lock),
            "irq_restore" => self.restore(place, IrqClass::Native),
            "unlock_irq" => self.restore(place, IrqClass::Lock),
            "rcu_lock" => self.enter(),
            "rcu_unlock" => self.leave(),
            "preempt_off" => {
                self.heap.0.borrow_mut().ledger.preempt += 1;
                Ok(0)
            }
            "preempt_on" => self.preempt_on(),
            "doze" => self.doze(),
            "peer_near" if self.rng.percent(30) => Ok(0),
            "peer_near" => {
                let peer = self.lend_peer();
                let mut heap = self.heap.0.borrow_mut();
                if heap.ledger.section.is_some() {
                    heap.ledger.guarded.push(peer);
                }
                Ok(peer)
            }
            _ => return None,
        })
    }

    fn lend_peer(&mut self) -> u64 {
        let block = Block::Object(self.bed.types.peer);
        self.heap.0.borrow_mut().add(block, vec![5; PEER_BYTES as usize], Writes::Refused, false)
    }

    fn begin(&mut self, place: u64, ty: TypeRef, section: Option<u64>) -> Result<u64, Stop> {
        let bytes =
            self.bed.types.iterators().into_iter().find(|(of, _)| *of == ty).map_or(8, |(_, bytes)| bytes);
        let left = self.rng.below(4);
        let iter = Kept::Iter(Iter { ty, left, drained: false, lent: Vec::new(), section });
        self.keep(place, bytes, iter)?;
        Ok(if self.rng.percent(20) { u64::MAX } else { 0 })
    }

    /// Puts an object on the stack.
    pub(crate) fn keep(&mut self, place: u64, bytes: u32, kept: Kept) -> Result<(), Stop> {
        if self.heap.0.borrow_mut().keep(place, bytes, kept) {
            Ok(())
        } else {
            escape(format_args!("no place for {bytes} bytes at {place:#x}"))
        }
    }

    /// The iterator at an address, if it may be used now.
    fn iterator(&self, place: u64, ty: TypeRef) -> Result<Iter, Stop> {
        let heap = self.heap.0.borrow();
        match heap.ledger.at(place) {
            Some(Kept::Iter(iter)) if iter.ty == ty => match iter.section {
                Some(_) if iter.section != heap.ledger.section => escape("an iterator's section is over"),
                Some(_) | None => Ok(iter.clone()),
            },
            other => escape(format_args!("no such iterator at {place:#x}: {other:?}")),
        }
    }

    fn next(&mut self, place: u64, ty: TypeRef, element: impl Fn(&mut Self) -> u64) -> Result<u64, Stop> {
        let mut iter = self.iterator(place, ty)?;
        // In C elements live on until the iterator is destroyed.
        if self.bed.kind != Kind::Packet {
            self.take_back(&mut iter);
        }
        let found = if iter.left == 0 { 0 } else { element(self) };
        iter.drained = found == 0;
        iter.left = iter.left.saturating_sub(1);
        if found != 0 && ty != self.bed.types.packets {
            iter.lent.push(found);
        }
        if let Some(kept) = self.heap.0.borrow_mut().ledger.at_mut(place) {
            *kept = Kept::Iter(iter);
        }
        Ok(found)
    }

    fn take_back(&mut self, iter: &mut Iter) {
        let mut heap = self.heap.0.borrow_mut();
        iter.lent.drain(..).for_each(|block| heap.free(block));
    }

    fn destroy(&mut self, place: u64, ty: TypeRef) -> Result<u64, Stop> {
        let mut iter = self.iterator(place, ty)?;
        self.take_back(&mut iter);
        self.heap.0.borrow_mut().ledger.remove(place);
        Ok(0)
    }

    fn save(&mut self, place: u64, class: IrqClass) -> Result<u64, Stop> {
        let serial = self.heap.0.borrow_mut().ledger.serial();
        self.keep(place, 8, Kept::Irq { class, serial })?;
        self.heap.0.borrow_mut().ledger.saved.push(serial);
        Ok(0)
    }

    fn restore(&mut self, place: u64, class: IrqClass) -> Result<u64, Stop> {
        let mut heap = self.heap.0.borrow_mut();
        let last = heap.ledger.saved.last().copied();
        match heap.ledger.at(place) {
            Some(Kept::Irq { class: own, serial }) if *own == class && Some(*serial) == last => {
                heap.ledger.remove(place);
                heap.ledger.saved.pop();
                Ok(0)
            }
            other => escape(format_args!("not the last saved state at {place:#x}: {other:?}")),
        }
    }

    fn enter(&mut self) -> Result<u64, Stop> {
        let mut heap = self.heap.0.borrow_mut();
        let serial = heap.ledger.serial();
        match heap.ledger.section.replace(serial) {
            None => Ok(0),
            Some(_) => escape("a section in a section"),
        }
    }

    fn leave(&mut self) -> Result<u64, Stop> {
        let mut heap = self.heap.0.borrow_mut();
        if heap.ledger.section.take().is_none() {
            return escape("there is no section to leave");
        }
        let guarded = std::mem::take(&mut heap.ledger.guarded);
        guarded.into_iter().for_each(|block| heap.free(block));
        drop(heap);
        self.others_exchange();
        Ok(0)
    }

    fn preempt_on(&mut self) -> Result<u64, Stop> {
        let mut heap = self.heap.0.borrow_mut();
        match heap.ledger.preempt.checked_sub(1) {
            Some(left) => heap.ledger.preempt = left,
            None => return escape("preemption was not off"),
        }
        Ok(0)
    }

    fn doze(&mut self) -> Result<u64, Stop> {
        let heap = self.heap.0.borrow();
        let awake = heap.ledger.section.is_some() || heap.ledger.preempt > 0 || !heap.ledger.saved.is_empty();
        if awake || self.bed.kind != Kind::Objects {
            return escape("a program sleeps that must not");
        }
        Ok(0)
    }
}
