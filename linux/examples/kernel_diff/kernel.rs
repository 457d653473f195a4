//! The live kernel, asked through bpf(2): it loads a program and lets it go again. Nothing is attached, pinned or registered.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use opswap_bpf::MapProto;

const MAP_CREATE: libc::c_long = 0;
const MAP_UPDATE_ELEM: libc::c_long = 2;
const PROG_LOAD: libc::c_long = 5;
const BTF_LOAD: libc::c_long = 18;
const MAP_FREEZE: libc::c_long = 22;

/// `union bpf_attr`, as bytes at the offsets of `linux/bpf.h`.
struct Attr([u8; 144]);

impl Attr {
    const fn new() -> Self {
        Self([0; 144])
    }

    fn word(mut self, offset: usize, value: u32) -> Self {
        self.0[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
        self
    }

    /// The address of bytes that outlive the call.
    fn address<T>(mut self, offset: usize, of: *const T) -> Self {
        self.0[offset..offset + 8].copy_from_slice(&(of as u64).to_ne_bytes());
        self
    }

    fn fd(self, offset: usize, fd: &OwnedFd) -> Self {
        self.word(offset, fd.as_raw_fd().cast_unsigned())
    }
}

/// One call; a result that is not negative.
fn bpf(command: libc::c_long, attr: &mut Attr) -> io::Result<i32> {
    let (at, size) = (attr.0.as_mut_ptr(), attr.0.len());
    // SAFETY: the attribute lives for the call and has the size that is given; every address in it is of a buffer that its
    // maker borrows until the call has returned, of the length that the attribute states.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, at, size) };
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(i32::try_from(result).unwrap_or(-1)) }
}

fn opened(fd: i32) -> OwnedFd {
    // SAFETY: the kernel has just given this descriptor to us, and to nobody else.
    unsafe { OwnedFd::from_raw_fd(fd) }
}

/// Makes a map of this shape; one that is frozen has its contents.
pub(crate) fn map(proto: &MapProto) -> io::Result<OwnedFd> {
    let mut attr = Attr::new()
        .word(0, proto.kind as u32)
        .word(4, proto.key_size)
        .word(8, proto.value_size)
        .word(12, proto.max_entries)
        .word(16, proto.flags);
    let map = opened(bpf(MAP_CREATE, &mut attr)?);
    if let Some(contents) = &proto.frozen {
        let key = 0_u32.to_ne_bytes();
        bpf(
            MAP_UPDATE_ELEM,
            &mut Attr::new().fd(0, &map).address(8, key.as_ptr()).address(16, contents.as_ptr()),
        )?;
        bpf(MAP_FREEZE, &mut Attr::new().fd(0, &map))?;
    }
    Ok(map)
}

/// Loads types.
pub(crate) fn btf(bytes: &[u8]) -> io::Result<OwnedFd> {
    let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    bpf(BTF_LOAD, &mut Attr::new().address(0, bytes.as_ptr()).word(16, size)).map(opened)
}

/// A program as the kernel takes it.
pub(crate) struct Image<'a> {
    /// `enum bpf_prog_type`.
    pub(crate) kind: u32,
    /// `BPF_F_*`.
    pub(crate) flags: u32,
    /// Encoded instructions.
    pub(crate) code: &'a [u8],
    /// Types with the functions below.
    pub(crate) btf: &'a OwnedFd,
    /// First slot and type of each function.
    pub(crate) functions: &'a [[u32; 2]],
}

/// Whether the kernel accepts a program; its log otherwise, if `log` has room.
pub(crate) fn load(image: &Image<'_>, log: &mut [u8]) -> Result<(), (io::Error, String)> {
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let mut attr = Attr::new()
        .word(0, image.kind)
        .word(4, count(image.code.len() / 8))
        .address(8, image.code.as_ptr())
        .address(16, c"GPL".as_ptr())
        .word(44, image.flags)
        .fd(72, image.btf)
        .word(76, 8)
        .address(80, image.functions.as_ptr())
        .word(88, count(image.functions.len()));
    if let Some(first) = log.first_mut() {
        *first = 0;
        attr = attr.word(24, 2).word(28, count(log.len())).address(32, log.as_ptr());
    }
    match bpf(PROG_LOAD, &mut attr) {
        // Dropped at once: the kernel forgets it.
        Ok(fd) => {
            drop(opened(fd));
            Ok(())
        }
        Err(error) => {
            let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
            Err((error, String::from_utf8_lossy(&log[..end]).into_owned()))
        }
    }
}
