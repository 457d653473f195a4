//! [`Errno`]: why a kfunc failed, as a program sees it.

/// An error number, as in `errno.h`: 1 to 4095. A program sees it negated.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Errno(u16);

/// Greatest error number (the kernel's `MAX_ERRNO`).
const MAX: u16 = 4095;

impl Errno {
    /// The error with this number; `None` outside 1 to 4095.
    pub const fn new(number: u16) -> Option<Self> {
        if number >= 1 && number <= MAX { Some(Self(number)) } else { None }
    }

    /// Its number, positive.
    pub const fn number(self) -> u16 {
        self.0
    }
}

macro_rules! named {
    ($($name:ident = $number:literal, $text:literal;)*) => {
        impl Errno {
            $(#[doc = $text] pub const $name: Self = Self($number);)*

            fn text(self) -> Option<(&'static str, &'static str)> {
                match self.0 {
                    $($number => Some((stringify!($name), $text)),)*
                    _ => None,
                }
            }
        }
    };
}

named! {
    EPERM = 1, "operation not permitted";
    ENOENT = 2, "no such entry";
    ESRCH = 3, "no such process";
    EINTR = 4, "interrupted";
    EIO = 5, "input or output error";
    E2BIG = 7, "argument list too long";
    EBADF = 9, "bad file descriptor";
    EAGAIN = 11, "try again";
    ENOMEM = 12, "out of memory";
    EACCES = 13, "permission denied";
    EFAULT = 14, "bad address";
    EBUSY = 16, "busy";
    EEXIST = 17, "exists already";
    ENODEV = 19, "no such device";
    EINVAL = 22, "invalid argument";
    ENOSPC = 28, "no space left";
    EPIPE = 32, "broken pipe";
    EDOM = 33, "argument out of domain";
    ERANGE = 34, "result out of range";
    ENOSYS = 38, "not implemented";
    ELOOP = 40, "too many levels";
    ENODATA = 61, "no data";
    EPROTO = 71, "protocol error";
    EOVERFLOW = 75, "value too large";
    EMSGSIZE = 90, "message too long";
    EOPNOTSUPP = 95, "operation not supported";
    ENOBUFS = 105, "no buffer space";
    ETIMEDOUT = 110, "timed out";
}

impl std::fmt::Display for Errno {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.text() {
            Some((name, text)) => write!(f, "{text} ({name})"),
            None => write!(f, "error {}", self.0),
        }
    }
}

impl std::error::Error for Errno {}

/// What a kfunc may return beside an [`Errno`]: never negative as a signed 64-bit number.
#[diagnostic::on_unimplemented(
    message = "`Result<{Self}, Errno>` cannot be a kfunc's result: a `{Self}` could be mistaken for a negated error",
    note = "use `u32` or less, or `()`"
)]
pub trait ErrnoPayload {
    /// The number a program sees.
    #[doc(hidden)]
    fn payload(self) -> u32;
}

macro_rules! payloads {
    ($($ty:ty),*) => {$(
        impl ErrnoPayload for $ty {
            fn payload(self) -> u32 {
                u32::from(self)
            }
        }
    )*};
}

payloads!(u8, u16, u32, bool);

impl ErrnoPayload for () {
    fn payload(self) -> u32 {
        0
    }
}

#[cfg(test)]
mod tests {
    use super::Errno;

    #[test]
    fn numbers_outside_the_kernels_range_are_refused() {
        assert_eq!(Errno::new(0), None);
        assert_eq!(Errno::new(4096), None);
        assert_eq!(Errno::new(22), Some(Errno::EINVAL));
    }
}
