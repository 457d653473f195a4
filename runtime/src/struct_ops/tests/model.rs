//! The protocol of hazards as a model: every interleaving of a reader, its store buffer and a writer, step by step.
//!
//! The reader's stores wait in a buffer until the machine or the writer's barrier flushes them, as on x86. A version must never be
//! freed while the reader uses it, and must be freed in the end.

use std::collections::HashSet;

/// Where a store goes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Store {
    Cell(u8),
    AskedCleared,
}

/// Versions are numbers; 0 is none.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct State {
    current: u8,
    cell: u8,
    asked: bool,
    freed: [bool; 3],
    limbo: Option<u8>,
    buffer: Vec<Store>,
    reader: Reader,
    writer: Writer,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Reader {
    Load,
    Announce(u8),
    Check(u8),
    Use(u8),
    LetGo,
    LookAsked,
    Collect(Writer),
    Done,
}

/// A sweep: by the writer after its swap, or by the reader that was asked.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
enum Writer {
    Swap,
    Barrier,
    Scan,
    Done,
}

/// What a run of the model may leave out, to see that the model would notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Without {
    Nothing,
    Barrier,
    SecondLook,
}

impl State {
    fn start() -> Self {
        Self {
            current: 1,
            cell: 0,
            asked: false,
            freed: [false; 3],
            limbo: None,
            buffer: Vec::new(),
            reader: Reader::Load,
            writer: Writer::Swap,
        }
    }

    fn flush_one(&mut self) {
        match self.buffer.remove(0) {
            Store::Cell(version) => self.cell = version,
            Store::AskedCleared => self.asked = false,
        }
    }

    fn flush(&mut self) {
        while !self.buffer.is_empty() {
            self.flush_one();
        }
    }

    /// One step of a sweep. The barrier flushes the reader's buffer, whoever sweeps.
    fn sweep(&mut self, at: Writer, without: Without) -> Writer {
        match at {
            Writer::Swap => {
                self.limbo = Some(self.current);
                self.current = 2;
                Writer::Barrier
            }
            Writer::Barrier => {
                if without != Without::Barrier {
                    self.flush();
                }
                Writer::Scan
            }
            Writer::Scan => {
                let Some(retired) = self.limbo else { return Writer::Done };
                if self.cell != retired {
                    self.freed[usize::from(retired)] = true;
                    self.limbo = None;
                    return Writer::Done;
                }
                let asked_before = std::mem::replace(&mut self.asked, true);
                if asked_before || without == Without::SecondLook { Writer::Done } else { Writer::Barrier }
            }
            Writer::Done => Writer::Done,
        }
    }

    /// Whether a sweep is under way: a second one waits for the lock on limbo.
    fn sweeping(&self) -> bool {
        matches!(self.writer, Writer::Barrier | Writer::Scan)
    }

    fn step_reader(&mut self, without: Without) {
        self.reader = match self.reader {
            Reader::Load => Reader::Announce(self.current),
            Reader::Announce(version) => {
                self.buffer.push(Store::Cell(version));
                Reader::Check(version)
            }
            Reader::Check(version) if self.current == version => Reader::Use(version),
            Reader::Check(_) => Reader::Announce(self.current),
            Reader::Use(version) => {
                assert!(!self.freed[usize::from(version)], "a version in use was freed: {self:?}");
                Reader::LetGo
            }
            Reader::LetGo => {
                self.buffer.push(Store::Cell(0));
                Reader::LookAsked
            }
            Reader::LookAsked if self.asked => {
                // A locked instruction: it empties the buffer.
                self.buffer.push(Store::AskedCleared);
                self.flush();
                Reader::Collect(Writer::Barrier)
            }
            Reader::LookAsked => Reader::Done,
            Reader::Collect(Writer::Done) | Reader::Done => Reader::Done,
            Reader::Collect(at) => Reader::Collect(self.sweep(at, without)),
        };
    }
}

/// Walks every interleaving. `true`: in all of them the retired version is freed in the end.
fn explore(without: Without) -> bool {
    let mut seen = HashSet::new();
    let mut work = vec![State::start()];
    let mut always_freed = true;
    while let Some(state) = work.pop() {
        if !seen.insert(state.clone()) {
            continue;
        }
        let mut next = Vec::new();
        if !state.buffer.is_empty() {
            let mut flushed = state.clone();
            flushed.flush_one();
            next.push(flushed);
        }
        let reader_waits = matches!(state.reader, Reader::Collect(_)) && state.sweeping();
        if state.reader != Reader::Done && !reader_waits {
            let mut moved = state.clone();
            moved.step_reader(without);
            next.push(moved);
        }
        let writer_waits =
            matches!(state.reader, Reader::Collect(Writer::Barrier | Writer::Scan)) && !state.sweeping();
        if state.writer != Writer::Done && !writer_waits {
            let mut moved = state.clone();
            moved.writer = moved.sweep(state.writer, without);
            next.push(moved);
        }
        if next.is_empty() {
            always_freed &= state.freed[1];
        }
        work.extend(next);
    }
    assert!(seen.len() > 50, "only {} states", seen.len());
    always_freed
}

#[test]
fn nothing_is_freed_in_use_and_nothing_is_kept() {
    assert!(explore(Without::Nothing), "a version stayed in limbo");
}

#[test]
fn the_model_notices_a_missing_barrier_and_a_missing_second_look() {
    let freed_in_use = std::panic::catch_unwind(|| explore(Without::Barrier)).is_err();
    assert!(freed_in_use, "without the barrier a version in use is freed");
    assert!(!explore(Without::SecondLook), "without the second look a version stays in limbo");
}
