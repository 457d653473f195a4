//! What a transfer records: a time line in bins of equal length, and totals for each version that was in charge.

use std::time::Duration;

/// One step of the time line.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Bin {
    /// Largest window in packets; 0 if nothing was sent.
    pub window_max: u32,
    /// Smallest window in packets.
    pub window_min: u32,
    /// Packets acknowledged.
    pub delivered: u32,
    /// Sum of their waits in the queue, in microseconds.
    pub waited_us: u64,
}

impl Bin {
    /// Mean wait in the queue in milliseconds.
    pub fn wait_ms(&self) -> f64 {
        if self.delivered == 0 { 0.0 } else { self.waited_us as f64 / f64::from(self.delivered) / 1e3 }
    }
}

/// What happened while one version was in charge.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Period {
    /// The version's name.
    pub name: String,
    /// When it took over.
    pub from: Duration,
    /// When the next one did, or the transfer ended.
    pub to: Duration,
    /// Packets in flight when it took over.
    pub in_flight: u32,
    /// Packets dropped by the full queue.
    pub dropped: u64,
    /// Packets delivered with a mark.
    pub marked: u64,
    waits_us: Vec<u32>,
}

impl Period {
    /// Packets acknowledged.
    pub fn delivered(&self) -> usize {
        self.waits_us.len()
    }

    /// Mean wait in the queue in milliseconds.
    pub fn mean_wait_ms(&self) -> f64 {
        let sum: f64 = self.waits_us.iter().map(|&us| f64::from(us)).sum();
        sum / self.waits_us.len().max(1) as f64 / 1e3
    }

    /// The wait in milliseconds that `percent` of the packets did not exceed.
    pub fn wait_ms_at(&self, percent: usize) -> f64 {
        let mut sorted = self.waits_us.clone();
        sorted.sort_unstable();
        let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
        sorted.get(at).map_or(0.0, |&us| f64::from(us) / 1e3)
    }

    /// Payload rate in Mbit/s for packets of `packet_bytes`.
    pub fn mbit_per_s(&self, packet_bytes: u32) -> f64 {
        let seconds = (self.to - self.from).as_secs_f64();
        if seconds == 0.0 {
            0.0
        } else {
            self.delivered() as f64 * f64::from(packet_bytes) * 8.0 / seconds / 1e6
        }
    }
}

/// The record of a transfer.
#[derive(Clone, Debug)]
pub struct Trace {
    bin: Duration,
    bins: Vec<Bin>,
    periods: Vec<Period>,
}

impl Trace {
    /// An empty record of `count` bins that cover `length`.
    pub fn new(length: Duration, count: u32) -> Self {
        Self { bin: length / count.max(1), bins: vec![Bin::default(); count as usize], periods: Vec::new() }
    }

    /// A version takes over.
    pub fn begin(&mut self, name: &str, now: Duration, in_flight: u32) {
        self.end(now);
        self.periods.push(Period {
            name: name.to_owned(),
            from: now,
            to: now,
            in_flight,
            dropped: 0,
            marked: 0,
            waits_us: Vec::new(),
        });
    }

    /// The version in charge is so no longer.
    pub fn end(&mut self, now: Duration) {
        if let Some(last) = self.periods.last_mut() {
            last.to = now;
        }
    }

    /// The time line.
    pub fn bins(&self) -> &[Bin] {
        &self.bins
    }

    /// Length of a bin.
    pub fn bin_length(&self) -> Duration {
        self.bin
    }

    /// The versions in the order in which they were in charge.
    pub fn periods(&self) -> &[Period] {
        &self.periods
    }

    /// A packet was acknowledged.
    pub fn delivered(&mut self, now: Duration, waited: Duration, marked: u32) {
        let waited_us = u32::try_from(waited.as_micros()).unwrap_or(u32::MAX);
        if let Some(bin) = self.bin_at(now) {
            bin.delivered += 1;
            bin.waited_us += u64::from(waited_us);
        }
        if let Some(period) = self.periods.last_mut() {
            period.marked += u64::from(marked);
            period.waits_us.push(waited_us);
        }
    }

    /// A packet found the queue full.
    pub fn dropped(&mut self) {
        if let Some(period) = self.periods.last_mut() {
            period.dropped += 1;
        }
    }

    /// The window at `now`.
    pub fn window(&mut self, now: Duration, packets: u32) {
        if let Some(bin) = self.bin_at(now) {
            bin.window_min = if bin.window_max == 0 { packets } else { bin.window_min.min(packets) };
            bin.window_max = bin.window_max.max(packets);
        }
    }

    fn bin_at(&mut self, now: Duration) -> Option<&mut Bin> {
        let at = usize::try_from(now.as_nanos() / self.bin.as_nanos().max(1)).ok()?;
        self.bins.get_mut(at)
    }
}
