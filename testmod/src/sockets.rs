//! A socket that programs drive: there is one, and it is behind a lock.

use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use opswap::kfunc;

use crate::sets::bpf_testmod_check_kfunc_ids;
use crate::types::{AddrArgs, InitSockArgs, SendmsgArgs};

static SOCKET: Mutex<Option<OwnedFd>> = Mutex::new(None);

fn socket() -> MutexGuard<'static, Option<OwnedFd>> {
    SOCKET.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What a system call gave: a number, or the negated number of its error, as in the kernel.
fn result(value: isize) -> i32 {
    if value < 0 {
        return -std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO);
    }
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// Runs on the open socket.
fn on_socket(call: impl FnOnce(i32) -> isize) -> i32 {
    match &*socket() {
        Some(socket) => result(call(socket.as_raw_fd())),
        None => -libc::EPERM,
    }
}

/// How much of an address is used; `None` when it says more than there is.
fn used(args: &AddrArgs) -> Option<libc::socklen_t> {
    let len = usize::try_from(args.addrlen).ok().filter(|&len| len <= args.addr.len())?;
    libc::socklen_t::try_from(len).ok()
}

/// Opens the socket.
#[kfunc(sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_init_sock(args: &mut InitSockArgs) -> i32 {
    let mut open = socket();
    if open.is_some() {
        return -libc::EPERM;
    }
    if args.kind != libc::SOCK_STREAM && args.kind != libc::SOCK_DGRAM {
        return -libc::EINVAL;
    }
    // SAFETY: `socket` takes numbers.
    let fd = unsafe { libc::socket(args.af, args.kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK, 0) };
    if fd < 0 {
        return result(-1);
    }
    // SAFETY: `socket` just opened it, and nobody else has it.
    *open = Some(unsafe { OwnedFd::from_raw_fd(fd) });
    0
}

/// Closes the socket.
#[kfunc(sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_close_sock() {
    *socket() = None;
}

/// Connects.
#[kfunc(sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_kernel_connect(args: &mut AddrArgs) -> i32 {
    let Some(len) = used(args) else { return -libc::EINVAL };
    // SAFETY: `len` bytes of `addr` are there, and are copied.
    on_socket(|fd| unsafe { libc::connect(fd, args.addr.as_ptr().cast(), len) } as isize)
}

/// Binds.
#[kfunc(sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_kernel_bind(args: &mut AddrArgs) -> i32 {
    let Some(len) = used(args) else { return -libc::EINVAL };
    // SAFETY: `len` bytes of `addr` are there, and are copied.
    on_socket(|fd| unsafe { libc::bind(fd, args.addr.as_ptr().cast(), len) } as isize)
}

/// Listens.
#[kfunc(sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_kernel_listen() -> i32 {
    // SAFETY: `listen` takes numbers.
    on_socket(|fd| unsafe { libc::listen(fd, 128) } as isize)
}

/// Sends, and gives 0 or an error.
fn send(args: &SendmsgArgs) -> i32 {
    let Some(message) = usize::try_from(args.msglen).ok().and_then(|len| args.msg.get(..len)) else {
        return -libc::EINVAL;
    };
    let Some(len) = used(&args.addr) else { return -libc::EINVAL };
    let to = if len == 0 { std::ptr::null() } else { args.addr.addr.as_ptr().cast() };
    let flags = libc::MSG_NOSIGNAL;
    // SAFETY: the message and `len` bytes of the address are there, and are copied.
    on_socket(|fd| unsafe { libc::sendto(fd, message.as_ptr().cast(), message.len(), flags, to, len) })
}

/// Sends through the kernel's inner door; for a process there is one.
#[kfunc(sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_kernel_sendmsg(args: &mut SendmsgArgs) -> i32 {
    send(args)
}

/// Sends through the kernel's outer door.
#[kfunc(sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_sock_sendmsg(args: &mut SendmsgArgs) -> i32 {
    send(args)
}

/// `getsockname` or `getpeername`.
type NameCall = unsafe extern "C" fn(i32, *mut libc::sockaddr, *mut libc::socklen_t) -> i32;

fn name(args: &mut AddrArgs, call: NameCall) -> i32 {
    let mut len = libc::socklen_t::try_from(args.addr.len()).unwrap_or(0);
    // SAFETY: both calls write at most `len` bytes, which `addr` has, and the length.
    let outcome = on_socket(|fd| unsafe { call(fd, args.addr.as_mut_ptr().cast(), &raw mut len) } as isize);
    if outcome >= 0 {
        args.addrlen = i32::try_from(len).unwrap_or(i32::MAX);
    }
    outcome
}

/// The socket's own address.
#[kfunc(sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_kernel_getsockname(args: &mut AddrArgs) -> i32 {
    name(args, libc::getsockname)
}

/// The other side's address.
#[kfunc(sleepable, set = bpf_testmod_check_kfunc_ids)]
pub fn bpf_kfunc_call_kernel_getpeername(args: &mut AddrArgs) -> i32 {
    name(args, libc::getpeername)
}
