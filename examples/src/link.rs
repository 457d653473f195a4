//! The emulated bottleneck: one queue in front of one transmitter, then a fixed delay.
//!
//! ```text
//! sender -> [queue, at most `queue_limit` packets] -> transmitter at `rate` -> `round_trip` -> sender sees the ACK
//!              | full: dropped   | above `mark_above`: CE mark      | 1 in `loss_one_in`: lost
//! ```
//!
//! Time is virtual: a packet's fate and its arrival are known when it is sent, so the whole link is one queue of packets in
//! order of arrival. What goes in comes out or is counted: `sent = delivered + dropped + in_link`.

use std::collections::VecDeque;
use std::ops::Range;
use std::time::Duration;

use crate::rng::SplitMix64;

/// What the path is like.
#[derive(Clone, PartialEq, Debug)]
pub struct LinkConfig {
    /// Bits per second of the transmitter.
    pub rate: u64,
    /// Bytes of every packet.
    pub packet_bytes: u32,
    /// Time from the end of a transmission until the sender has the ACK: the round trip of an empty path.
    pub round_trip: Duration,
    /// Packets that may wait, the one being transmitted included.
    pub queue_limit: usize,
    /// A packet that finds at least this many packets before it is marked, if it can be (RFC 8257, section 3.1).
    pub mark_above: usize,
    /// One packet in so many is lost at random; 0 for none.
    pub loss_one_in: u32,
    /// Everything sent within this time is lost.
    pub outage: Range<Duration>,
    /// Seed of the random losses.
    pub seed: u64,
}

impl LinkConfig {
    /// An access link with a queue of about its path's size, and few random losses.
    pub const ACCESS: Self = Self {
        rate: 20_000_000,
        packet_bytes: 1500,
        round_trip: Duration::from_millis(40),
        queue_limit: 60,
        mark_above: 12,
        loss_one_in: 50_000,
        outage: Duration::ZERO..Duration::ZERO,
        seed: 1,
    };

    /// Time to transmit one packet.
    pub fn packet_time(&self) -> Duration {
        Duration::from_nanos(u64::from(self.packet_bytes) * 8 * 1_000_000_000 / self.rate.max(1))
    }

    /// Packets that the empty path holds: bandwidth times round trip.
    pub fn path_packets(&self) -> u64 {
        (self.round_trip.as_nanos() / self.packet_time().as_nanos().max(1)) as u64
    }
}

/// Whether a packet may be marked instead of dropped (RFC 3168: the ECT code point).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ecn {
    /// It may not.
    NotCapable,
    /// It may.
    Capable,
}

/// What the queue did with a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Admission {
    /// It is on its way.
    Queued,
    /// The queue was full.
    Dropped,
}

/// A packet's ACK, as the sender sees it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// The packet's number.
    pub number: u64,
    /// How long it waited for the transmitter.
    pub waited: Duration,
    /// Packets that carried a congestion mark: 0 or 1.
    pub marked: u32,
}

/// What became of the packets.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct LinkCounts {
    /// Handed to the link.
    pub sent: u64,
    /// Acknowledged.
    pub delivered: u64,
    /// Dropped because the queue was full.
    pub overflowed: u64,
    /// Lost at random or in an outage, and noticed so: its time of arrival has passed.
    pub lost: u64,
    /// Delivered with a congestion mark.
    pub marked: u64,
    /// Most packets that ever waited.
    pub longest_queue: usize,
}

#[derive(Clone, Copy, Debug)]
enum Fate {
    Arrives,
    Lost,
}

#[derive(Clone, Copy, Debug)]
struct Underway {
    arrives_at: Duration,
    fate: Fate,
    arrival: Arrival,
}

/// The link, with everything that is on it.
#[derive(Clone, Debug)]
pub struct Link {
    config: LinkConfig,
    random: SplitMix64,
    /// Ends of transmission of what waits, in order.
    departures: VecDeque<Duration>,
    underway: VecDeque<Underway>,
    counts: LinkCounts,
}

impl Link {
    /// An empty link.
    pub fn new(config: LinkConfig) -> Self {
        Self {
            random: SplitMix64::new(config.seed),
            departures: VecDeque::new(),
            underway: VecDeque::new(),
            counts: LinkCounts::default(),
            config,
        }
    }

    /// What the path is like.
    pub fn config(&self) -> &LinkConfig {
        &self.config
    }

    /// What became of the packets so far.
    pub fn counts(&self) -> LinkCounts {
        self.counts
    }

    /// Packets that have been sent and neither arrived nor been counted as dropped.
    pub fn in_link(&self) -> usize {
        self.underway.len()
    }

    /// Packets that wait at `now`, the one being transmitted included.
    pub fn queue_at(&mut self, now: Duration) -> usize {
        while self.departures.front().is_some_and(|&departs| departs <= now) {
            self.departures.pop_front();
        }
        self.departures.len()
    }

    /// Takes a packet. `now` must not go backwards.
    pub fn send(&mut self, now: Duration, number: u64, ecn: Ecn) -> Admission {
        self.counts.sent += 1;
        let ahead = self.queue_at(now);
        if ahead >= self.config.queue_limit {
            self.counts.overflowed += 1;
            return Admission::Dropped;
        }
        let free_at = self.departures.back().copied().unwrap_or(now).max(now);
        let departs_at = free_at + self.config.packet_time();
        self.departures.push_back(departs_at);
        self.counts.longest_queue = self.counts.longest_queue.max(ahead + 1);
        let unlucky = self.random.one_in(self.config.loss_one_in);
        let fate = if unlucky || self.config.outage.contains(&now) { Fate::Lost } else { Fate::Arrives };
        let marked = u32::from(ecn == Ecn::Capable && ahead >= self.config.mark_above);
        self.underway.push_back(Underway {
            arrives_at: departs_at + self.config.round_trip,
            fate,
            arrival: Arrival { number, waited: free_at - now, marked },
        });
        Admission::Queued
    }

    /// When [`Link::receive`] has something to do next.
    pub fn next_event(&self) -> Option<Duration> {
        self.underway.front().map(|packet| packet.arrives_at)
    }

    /// The next ACK that has arrived by `now`.
    pub fn receive(&mut self, now: Duration) -> Option<Arrival> {
        while let Some(packet) = self.underway.front().copied().filter(|packet| packet.arrives_at <= now) {
            self.underway.pop_front();
            match packet.fate {
                Fate::Lost => self.counts.lost += 1,
                Fate::Arrives => {
                    self.counts.delivered += 1;
                    self.counts.marked += u64::from(packet.arrival.marked);
                    return Some(packet.arrival);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config() -> LinkConfig {
        LinkConfig {
            rate: 12_000_000,
            packet_bytes: 1500,
            round_trip: Duration::from_millis(10),
            queue_limit: 4,
            mark_above: 2,
            loss_one_in: 0,
            outage: Duration::ZERO..Duration::ZERO,
            seed: 1,
        }
    }

    #[test]
    fn packets_wait_for_the_ones_in_front() {
        let mut link = Link::new(config());
        for number in 0..3 {
            assert_eq!(link.send(Duration::ZERO, number, Ecn::NotCapable), Admission::Queued);
        }
        let waits: Vec<_> = (0..3)
            .map(|at| {
                let now = link.next_event().expect("three are underway");
                assert_eq!(now, Duration::from_millis(11 + at));
                link.receive(now).expect("it arrives then").waited
            })
            .collect();
        assert_eq!(waits, [0, 1, 2].map(Duration::from_millis));
        assert_eq!(link.next_event(), None);
    }

    #[test]
    fn a_full_queue_drops_and_drains() {
        let mut link = Link::new(config());
        let admitted: Vec<_> = (0..6).map(|n| link.send(Duration::ZERO, n, Ecn::NotCapable)).collect();
        assert_eq!(admitted[..4], [Admission::Queued; 4]);
        assert_eq!(admitted[4..], [Admission::Dropped; 2]);
        assert_eq!(link.queue_at(Duration::from_micros(999)), 4);
        assert_eq!(link.queue_at(Duration::from_millis(1)), 3);
        assert_eq!(link.send(Duration::from_millis(1), 6, Ecn::NotCapable), Admission::Queued);
        assert_eq!(link.counts().longest_queue, 4);
    }

    #[test]
    fn only_capable_packets_behind_the_threshold_are_marked() {
        for (ecn, expected) in [(Ecn::NotCapable, [0, 0, 0, 0]), (Ecn::Capable, [0, 0, 1, 1])] {
            let mut link = Link::new(config());
            for number in 0..4 {
                link.send(Duration::ZERO, number, ecn);
            }
            let later = Duration::from_secs(1);
            let marks: Vec<_> = std::iter::from_fn(|| link.receive(later)).map(|a| a.marked).collect();
            assert_eq!(marks, expected);
            assert_eq!(link.counts().marked, u64::from(expected.iter().sum::<u32>()));
        }
    }

    #[test]
    fn random_loss_comes_at_its_rate_and_is_repeatable() {
        let run = |seed| {
            let mut link = Link::new(LinkConfig { loss_one_in: 50, seed, ..config() });
            let mut now = Duration::ZERO;
            for number in 0..20_000 {
                now += Duration::from_millis(1);
                link.send(now, number, Ecn::NotCapable);
                while link.receive(now).is_some() {}
            }
            while link.receive(now + Duration::from_secs(1)).is_some() {}
            link.counts()
        };
        let counts = run(7);
        assert!((300..500).contains(&counts.lost), "about one in fifty of 20,000, not {}", counts.lost);
        assert_eq!(counts.sent, counts.delivered + counts.lost);
        assert_eq!(counts, run(7));
        assert_ne!(counts.lost, run(8).lost);
    }
}
