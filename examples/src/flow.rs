//! What the host shares with congestion control programs: the flow, the sample that an ACK brings, and the path.
//!
//! `bpf/cong.h` declares the same types in C.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use opswap::{Btf, KRef};

/// A window or threshold that nothing limits yet.
pub const UNLIMITED: u32 = u32::MAX >> 1;

/// The smallest window that a program can ask for: with fewer packets, losses are found by timeout alone.
pub const MIN_WINDOW: u32 = 2;

/// The largest window that a program can ask for.
pub const MAX_WINDOW: u32 = 1 << 20;

/// Nothing is wrong: the window may grow.
pub const STATE_OPEN: u32 = 0;
/// Losses or marks of one round trip are being answered: the window must not grow.
pub const STATE_RECOVERY: u32 = 1;

/// One connection, as its congestion control sees it.
#[derive(Debug, Btf)]
#[repr(C)]
pub struct Flow {
    /// Time since the transfer began, in microseconds.
    #[btf(ro)]
    pub now_us: u64,
    /// Packets acknowledged so far.
    #[btf(ro)]
    pub delivered: u64,
    /// Number of the next packet to send; packets are numbered in the order they are sent, repeats too.
    #[btf(ro)]
    pub next_number: u64,
    /// Smoothed round-trip time in microseconds; 0 before the first sample.
    #[btf(ro)]
    pub srtt_us: u32,
    /// Least round-trip time so far in microseconds; 0 before the first sample.
    #[btf(ro)]
    pub min_rtt_us: u32,
    /// Bytes of a full packet.
    #[btf(ro)]
    pub mss: u32,
    /// Packets sent and neither acknowledged nor given up.
    #[btf(ro)]
    pub in_flight: u32,
    /// [`STATE_OPEN`] or [`STATE_RECOVERY`].
    #[btf(ro)]
    pub state: u32,
    /// Congestion window in packets.
    pub cwnd: u32,
    /// Slow-start threshold in packets.
    pub ssthresh: u32,
    /// Reserved; 0.
    #[btf(ro)]
    pub reserved: u32,
    /// The program's own state for this flow; zeroed when another version takes over.
    pub private: [u64; 8],
    /// What is remembered of the path; shared with other flows to the same place.
    #[btf(skip)]
    pub path: Option<KRef<Path>>,
    /// What programs noted.
    #[btf(skip)]
    pub journal: Mutex<Journal>,
}

/// What an ACK tells.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Btf)]
#[repr(C)]
pub struct AckSample {
    /// Number of the packet that was acknowledged last.
    pub number: u64,
    /// Packets acknowledged for the first time.
    pub acked: u32,
    /// How many of them carried a congestion mark.
    pub marked: u32,
    /// Round-trip time of the last one in microseconds.
    pub rtt_us: u32,
    /// Reserved; 0.
    pub reserved: u32,
}

/// What is remembered of a path, beyond any one flow and any one version of the congestion control.
#[derive(Debug, Default, Btf)]
#[repr(C)]
pub struct Path {
    /// Window at the latest loss, in packets; 0 if none has been seen.
    #[btf(ro)]
    pub loss_window: AtomicU32,
    /// Losses recorded.
    #[btf(ro)]
    pub losses: AtomicU32,
}

impl Path {
    /// Remembers a loss at a window of `window` packets.
    pub fn record_loss(&self, window: u32) {
        self.loss_window.store(window, Ordering::Relaxed);
        self.losses.fetch_add(1, Ordering::Relaxed);
    }

    /// Window at the latest loss, in packets; 0 if none has been seen.
    pub fn loss_window(&self) -> u32 {
        self.loss_window.load(Ordering::Relaxed)
    }

    /// Losses recorded.
    pub fn losses(&self) -> u32 {
        self.losses.load(Ordering::Relaxed)
    }
}

/// What programs noted, in order; at most [`Journal::LIMIT`] entries.
#[derive(Debug, Default)]
pub struct Journal {
    entries: Vec<Note>,
}

/// One note.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// When, in microseconds since the transfer began.
    pub at_us: u64,
    /// The flow's window then, in packets.
    pub cwnd: u32,
    /// What the program wrote.
    pub text: String,
}

impl Journal {
    /// Notes that are kept; later ones are refused.
    pub const LIMIT: usize = 64;

    /// Adds a note; gives it back if the journal is full.
    ///
    /// # Errors
    /// The note, if there are [`Journal::LIMIT`] already.
    pub fn add(&mut self, note: Note) -> Result<(), Note> {
        if self.entries.len() >= Self::LIMIT {
            return Err(note);
        }
        self.entries.push(note);
        Ok(())
    }

    /// The notes.
    pub fn entries(&self) -> &[Note] {
        &self.entries
    }
}

impl Flow {
    /// A flow over a path, before its first packet.
    pub fn new(path: Option<KRef<Path>>) -> Self {
        Self {
            now_us: 0,
            delivered: 0,
            next_number: 0,
            srtt_us: 0,
            min_rtt_us: 0,
            mss: 0,
            in_flight: 0,
            state: STATE_OPEN,
            cwnd: MIN_WINDOW,
            ssthresh: UNLIMITED,
            reserved: 0,
            private: [0; 8],
            path,
            journal: Mutex::new(Journal::default()),
        }
    }
}
