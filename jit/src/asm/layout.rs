//! Settles where everything lies: the shortest form of each jump, the distance of each call, the final bytes.
//!
//! Every jump starts short and only ever grows, so the search ends; after [`MAX_PASSES`] passes the jumps that are left grow
//! all at once. Only then are bytes written: no form is chosen from a distance that can still change.

use crate::asm::{LOOP_ALIGNMENT, Label, Patch, PatchKind, Place};
use crate::error::JitError;

/// Passes over the jumps before all that are left become long. Real programs need two to four.
const MAX_PASSES: u32 = 24;

const JUMP: Forms = Forms { short: 2, long: 5 };
const BRANCH: Forms = Forms { short: 2, long: 6 };
const CALL_LABEL: u8 = 5;
const CALL_NEAR: u8 = 5;
const CALL_FAR: u8 = 13;
/// No patch is longer: padding has up to 15 bytes.
const MAX_PATCH: usize = 31;
const ADDRESS: u8 = 7;

struct Forms {
    short: u8,
    long: u8,
}

/// Encoded instructions whose addresses are not known yet.
pub(crate) struct Unplaced {
    code: Vec<u8>,
    places: Vec<Place>,
    patches: Vec<Patch>,
}

/// Code with the position of everything in it, for one address.
pub(crate) struct Layout {
    unplaced: Unplaced,
    base: u64,
    /// Size of each patch.
    sizes: Vec<u8>,
    /// Bytes of the patches before each, and of all at the end.
    before: Vec<u32>,
}

impl Unplaced {
    pub(super) fn new(code: Vec<u8>, places: Vec<Place>, patches: Vec<Patch>) -> Self {
        Self { code, places, patches }
    }

    /// No layout is longer than this.
    pub(crate) fn max_len(&self) -> usize {
        self.code.len() + self.patches.len() * MAX_PATCH
    }

    /// Chooses every form for code that will lie somewhere in `base .. base + max_len()`, beginning at `base`.
    pub(crate) fn place(self, base: usize) -> Result<Layout, JitError> {
        let (base, max_len) = (base as u64, self.max_len() as u64);
        let mut sizes = Vec::with_capacity(self.patches.len());
        for patch in &self.patches {
            sizes.push(match patch.kind {
                PatchKind::Jump(to) => self.bound(to).map(|()| JUMP.short)?,
                PatchKind::Branch(_, to) => self.bound(to).map(|()| BRANCH.short)?,
                PatchKind::CallLabel(to) => self.bound(to).map(|()| CALL_LABEL)?,
                PatchKind::Address(_, to) => self.bound(to).map(|()| ADDRESS)?,
                PatchKind::CallHost(to) if near(base, base + max_len, to.0 as u64) => CALL_NEAR,
                PatchKind::CallHost(_) => CALL_FAR,
                PatchKind::Align => 0,
            });
        }
        let before = vec![0; sizes.len() + 1];
        let mut layout = Layout { unplaced: self, base, sizes, before };
        layout.settle();
        Ok(layout)
    }

    fn bound(&self, label: Label) -> Result<(), JitError> {
        match self.places.get(label.0 as usize) {
            Some(place) if place.at != u32::MAX => Ok(()),
            Some(_) | None => Err(JitError::Internal(format!("label {} is not bound", label.0))),
        }
    }
}

/// Is `to` within a signed 32-bit distance of every address in the range?
fn near(start: u64, end: u64, to: u64) -> bool {
    let fits = |from: u64| i32::try_from(to.wrapping_sub(from).cast_signed()).is_ok();
    fits(start) && fits(end)
}

impl Layout {
    /// Grows jumps until each reaches its target.
    fn settle(&mut self) {
        for pass in 0..=MAX_PASSES {
            self.count();
            let mut grown = false;
            for at in 0..self.sizes.len() {
                let (forms, to) = match self.unplaced.patches[at].kind {
                    PatchKind::Jump(to) => (JUMP, to),
                    PatchKind::Branch(_, to) => (BRANCH, to),
                    PatchKind::CallLabel(_)
                    | PatchKind::CallHost(_)
                    | PatchKind::Address(..)
                    | PatchKind::Align => continue,
                };
                let short = self.sizes[at] == forms.short;
                if short && (pass == MAX_PASSES || i8::try_from(self.distance(at, to)).is_err()) {
                    self.sizes[at] = forms.long;
                    grown = true;
                }
            }
            if !grown {
                return;
            }
        }
        self.count();
    }

    /// Adds up the sizes. Padding follows from all that lies before it, so it needs no search of its own.
    fn count(&mut self) {
        let mut sum = 0;
        for (index, patch) in self.unplaced.patches.iter().enumerate() {
            self.before[index] = sum;
            if patch.kind == PatchKind::Align {
                let at = patch.at + sum;
                // Less than 16.
                self.sizes[index] = (at.next_multiple_of(LOOP_ALIGNMENT) - at) as u8;
            }
            sum += u32::from(self.sizes[index]);
        }
        if let Some(last) = self.before.last_mut() {
            *last = sum;
        }
    }

    /// Offset of a bound label from the start of the code.
    pub(crate) fn offset(&self, label: Label) -> u32 {
        let place = self.unplaced.places[label.0 as usize];
        place.at + self.before[place.patches as usize]
    }

    /// Offset of a slot, or `None` if nothing was emitted for it.
    pub(crate) fn slot(&self, slot: usize) -> Option<u32> {
        let place = self.unplaced.places.get(slot)?;
        (place.at != u32::MAX).then(|| place.at + self.before[place.patches as usize])
    }

    /// Bytes of the code.
    pub(crate) fn len(&self) -> usize {
        self.unplaced.code.len() + self.before.last().map_or(0, |&sum| sum as usize)
    }

    /// Distance from the end of a patch to a label.
    fn distance(&self, patch: usize, to: Label) -> i64 {
        let end = self.unplaced.patches[patch].at + self.before[patch] + u32::from(self.sizes[patch]);
        i64::from(self.offset(to)) - i64::from(end)
    }

    /// Writes the code to `out`, which has [`Layout::len`] bytes or more and lies at the address it was placed for.
    pub(crate) fn write(&self, out: &mut [u8]) -> Result<(), JitError> {
        let mut writer = Writer { out, at: 0 };
        let mut done = 0;
        for (index, patch) in self.unplaced.patches.iter().enumerate() {
            let upto = patch.at as usize;
            writer.bytes(&self.unplaced.code[done..upto])?;
            done = upto;
            self.write_patch(index, &mut writer)?;
        }
        writer.bytes(&self.unplaced.code[done..])
    }

    fn write_patch(&self, index: usize, writer: &mut Writer<'_>) -> Result<(), JitError> {
        let size = self.sizes[index];
        match self.unplaced.patches[index].kind {
            PatchKind::Jump(to) => {
                let distance = self.distance(index, to);
                if size == JUMP.short {
                    writer.bytes(&[0xeb])?;
                    writer.rel8(distance)
                } else {
                    writer.bytes(&[0xe9])?;
                    writer.rel32(distance)
                }
            }
            PatchKind::Branch(condition, to) => {
                let distance = self.distance(index, to);
                if size == BRANCH.short {
                    writer.bytes(&[0x70 | condition as u8])?;
                    writer.rel8(distance)
                } else {
                    writer.bytes(&[0x0f, 0x80 | condition as u8])?;
                    writer.rel32(distance)
                }
            }
            PatchKind::CallLabel(to) => {
                writer.bytes(&[0xe8])?;
                writer.rel32(self.distance(index, to))
            }
            PatchKind::CallHost(to) if size == CALL_NEAR => {
                let end = self.base + writer.at as u64 + u64::from(CALL_NEAR);
                writer.bytes(&[0xe8])?;
                writer.rel32((to.0 as u64).wrapping_sub(end).cast_signed())
            }
            PatchKind::CallHost(to) => {
                // mov r11, imm64; call r11
                writer.bytes(&[0x49, 0xbb])?;
                writer.bytes(&(to.0 as u64).to_le_bytes())?;
                writer.bytes(&[0x41, 0xff, 0xd3])
            }
            PatchKind::Align => writer.nops(size),
            PatchKind::Address(dst, of) => {
                // lea dst, [rip + distance]
                let number = dst.number();
                writer.bytes(&[0x48 | (number >> 3) << 2, 0x8d, (number & 7) << 3 | 0b101])?;
                writer.rel32(self.distance(index, of))
            }
        }
    }
}

struct Writer<'a> {
    out: &'a mut [u8],
    at: usize,
}

impl Writer<'_> {
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), JitError> {
        let end = self.at + bytes.len();
        let room =
            self.out.get_mut(self.at..end).ok_or_else(|| internal("code is longer than its buffer"))?;
        room.copy_from_slice(bytes);
        self.at = end;
        Ok(())
    }

    /// As few `nop`s as possible, in the forms that Intel and AMD recommend.
    fn nops(&mut self, count: u8) -> Result<(), JitError> {
        const FORMS: [&[u8]; 9] = [
            &[0x90],
            &[0x66, 0x90],
            &[0x0f, 0x1f, 0x00],
            &[0x0f, 0x1f, 0x40, 0x00],
            &[0x0f, 0x1f, 0x44, 0x00, 0x00],
            &[0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00],
            &[0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00],
            &[0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
            &[0x66, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00],
        ];
        let mut left = usize::from(count);
        while left > 0 {
            let form = FORMS[left.min(FORMS.len()) - 1];
            self.bytes(form)?;
            left -= form.len();
        }
        Ok(())
    }

    fn rel8(&mut self, distance: i64) -> Result<(), JitError> {
        let distance = i8::try_from(distance).map_err(|_| internal("a short jump is too far"))?;
        self.bytes(&distance.to_le_bytes())
    }

    fn rel32(&mut self, distance: i64) -> Result<(), JitError> {
        let distance = i32::try_from(distance).map_err(|_| internal("a target is beyond 2 GiB"))?;
        self.bytes(&distance.to_le_bytes())
    }
}

fn internal(what: &str) -> JitError {
    JitError::Internal(what.to_owned())
}
