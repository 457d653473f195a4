//! The sender: numbers packets, finds losses, times round trips, and asks the congestion control how much may be in flight.
//!
//! Every packet has a number of its own and every packet is acknowledged, as in QUIC: a packet is lost when a packet sent
//! three later has been acknowledged (RFC 9002, section 6.1.1), or when nothing came back for a whole timeout (RFC 6298).
//! Lost data is sent again under a new number, so a transfer is simply a count of packets that must be delivered.

use std::collections::VecDeque;
use std::time::Duration;

use crate::cong::Control;
use crate::flow::{AckSample, Flow, MAX_WINDOW, MIN_WINDOW, STATE_OPEN, STATE_RECOVERY};
use crate::link::{Admission, Link, LinkConfig};
use crate::trace::Trace;

/// Window of a new flow in packets (RFC 6928).
pub const INITIAL_WINDOW: u32 = 10;
/// A packet is lost when one sent so many later has been acknowledged.
const REORDERING: u64 = 3;
/// Least retransmission timeout.
const MIN_TIMEOUT: Duration = Duration::from_millis(200);
/// Timeout before the first round trip is known.
const FIRST_TIMEOUT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug)]
struct Outstanding {
    number: u64,
    sent_at: Duration,
}

/// One flow over one link.
#[derive(Debug)]
pub struct Transfer {
    link: Link,
    flow: Flow,
    now: Duration,
    outstanding: VecDeque<Outstanding>,
    /// Losses and marks of packets numbered below this belong to a reduction that has been made.
    recovery_end: u64,
    rttvar_us: u32,
    timeout_at: Duration,
    /// Doublings of the timeout since the latest ACK.
    backoff: u32,
    trace: Trace,
}

impl Transfer {
    /// A flow that has not sent anything yet.
    pub fn new(config: LinkConfig, mut flow: Flow, trace: Trace) -> Self {
        flow.mss = config.packet_bytes;
        flow.cwnd = INITIAL_WINDOW;
        Self {
            link: Link::new(config),
            flow,
            now: Duration::ZERO,
            outstanding: VecDeque::new(),
            recovery_end: 0,
            rttvar_us: 0,
            timeout_at: Duration::MAX,
            backoff: 0,
            trace,
        }
    }

    /// The link, for its counts.
    pub fn link(&self) -> &Link {
        &self.link
    }

    /// The flow.
    pub fn flow(&self) -> &Flow {
        &self.flow
    }

    /// The flow, for a congestion control that takes over or ends between two events.
    pub fn flow_mut(&mut self) -> &mut Flow {
        &mut self.flow
    }

    /// Virtual time.
    pub fn now(&self) -> Duration {
        self.now
    }

    /// What was recorded.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// From now on, what is recorded belongs to a version with this name.
    pub fn take_over(&mut self, name: &str) {
        self.trace.begin(name, self.now, self.flow.in_flight);
    }

    /// Sends for as long as virtual time is before `end`.
    pub fn run_until(&mut self, end: Duration, control: &mut dyn Control) {
        self.fill_window(control);
        loop {
            let arrives_at = self.link.next_event().unwrap_or(Duration::MAX);
            let next = arrives_at.min(self.timeout_at);
            if next >= end {
                break;
            }
            self.set_time(next);
            if next == arrives_at {
                while let Some(arrival) = self.link.receive(next) {
                    self.trace.delivered(next, arrival.waited, arrival.marked);
                    self.acknowledge(arrival.number, arrival.marked, control);
                }
            } else {
                self.time_out(control);
            }
            self.fill_window(control);
        }
        self.set_time(end);
        self.trace.end(end);
    }

    fn set_time(&mut self, now: Duration) {
        self.now = now;
        self.flow.now_us = now.as_micros() as u64;
    }

    fn fill_window(&mut self, control: &dyn Control) {
        while self.flow.in_flight < self.flow.cwnd {
            let number = self.flow.next_number;
            if self.link.send(self.now, number, control.ecn()) == Admission::Dropped {
                self.trace.dropped();
            }
            self.outstanding.push_back(Outstanding { number, sent_at: self.now });
            self.flow.next_number += 1;
            self.flow.in_flight += 1;
            if self.timeout_at == Duration::MAX {
                self.arm_timeout();
            }
        }
        self.trace.window(self.now, self.flow.cwnd);
    }

    fn acknowledge(&mut self, number: u64, marked: u32, control: &mut dyn Control) {
        let Some(at) = self.outstanding.iter().position(|packet| packet.number == number) else {
            return; // given up by a timeout that came too early
        };
        let Some(packet) = self.outstanding.remove(at) else { return };
        let rtt_us = micros(self.now - packet.sent_at);
        self.measure(rtt_us);
        self.backoff = 0;
        self.arm_timeout();
        self.flow.in_flight -= 1;
        self.flow.delivered += 1;
        self.flow.state = if number < self.recovery_end { STATE_RECOVERY } else { STATE_OPEN };

        let sample = AckSample { number, acked: 1, marked, rtt_us, reserved: 0 };
        control.on_ack(&mut self.flow, &sample);
        self.limit_window();

        let lost = self.give_up_before(number.saturating_sub(REORDERING - 1));
        if let Some((count, last)) = lost
            && last >= self.recovery_end
        {
            let threshold = control.on_loss(&mut self.flow, count);
            self.reduce(threshold);
        } else if marked != 0 && number >= self.recovery_end {
            let threshold = control.on_ecn(&mut self.flow, marked);
            self.reduce(threshold);
        }
    }

    /// Takes every packet numbered below `bound` for lost; returns how many, and the number of the last.
    fn give_up_before(&mut self, bound: u64) -> Option<(u32, u64)> {
        let mut lost = None;
        while let Some(packet) = self.outstanding.front().copied().filter(|packet| packet.number < bound) {
            self.outstanding.pop_front();
            self.flow.in_flight -= 1;
            lost = Some((lost.map_or(0, |(count, _)| count) + 1, packet.number));
        }
        lost
    }

    /// One reduction for all losses and marks of the packets that are in flight now.
    fn reduce(&mut self, threshold: u32) {
        self.flow.ssthresh = threshold.clamp(MIN_WINDOW, MAX_WINDOW);
        self.flow.cwnd = self.flow.ssthresh;
        self.flow.state = STATE_RECOVERY;
        self.recovery_end = self.flow.next_number;
    }

    fn time_out(&mut self, control: &mut dyn Control) {
        let threshold = control.on_timeout(&mut self.flow);
        self.reduce(threshold);
        self.flow.cwnd = 1;
        self.give_up_before(u64::MAX);
        self.backoff = (self.backoff + 1).min(6);
        self.arm_timeout();
    }

    /// RFC 6298, section 2.
    fn measure(&mut self, rtt_us: u32) {
        let flow = &mut self.flow;
        if flow.srtt_us == 0 {
            flow.srtt_us = rtt_us;
            flow.min_rtt_us = rtt_us;
            self.rttvar_us = rtt_us / 2;
        } else {
            self.rttvar_us = self.rttvar_us - self.rttvar_us / 4 + flow.srtt_us.abs_diff(rtt_us) / 4;
            flow.srtt_us = flow.srtt_us - flow.srtt_us / 8 + rtt_us / 8;
            flow.min_rtt_us = flow.min_rtt_us.min(rtt_us);
        }
    }

    fn arm_timeout(&mut self) {
        let base = match self.flow.srtt_us {
            0 => FIRST_TIMEOUT,
            srtt => Duration::from_micros(u64::from(srtt) + 4 * u64::from(self.rttvar_us)).max(MIN_TIMEOUT),
        };
        self.timeout_at = self.now + base * (1 << self.backoff);
    }

    /// Programs may ask for anything; the transfer keeps to what makes sense.
    fn limit_window(&mut self) {
        self.flow.cwnd = self.flow.cwnd.clamp(1, MAX_WINDOW);
        self.flow.ssthresh = self.flow.ssthresh.max(MIN_WINDOW);
    }
}

fn micros(time: Duration) -> u32 {
    u32::try_from(time.as_micros()).unwrap_or(u32::MAX)
}
