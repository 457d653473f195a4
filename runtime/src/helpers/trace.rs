//! `bpf_trace_printk`: formats a line and gives it to the runtime's logger.

use std::fmt::Write;

use opswap_jit::RunHeader;

use super::error;
use crate::maps::{read_passed, with_scratch};
use crate::run::Run;

/// Longest format text that is looked at.
const MAX_FORMAT: u64 = 1024;

/// `long bpf_trace_printk(fmt, fmt_size, …)`: at most three numbers. Returns the bytes written, or a negative error number.
pub(super) unsafe extern "C" fn printk(
    text: u64,
    len: u64,
    a: u64,
    b: u64,
    c: u64,
    run: *mut RunHeader,
) -> u64 {
    let len = len.min(MAX_FORMAT) as usize;
    let format = with_scratch(len, |words| {
        // SAFETY: the verifier proved that `fmt_size` bytes from `fmt` are readable.
        unsafe { read_passed(text as usize, len, words) };
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).take(len).collect();
        bytes
    });
    let line = render(&format, &[a, b, c]);
    // SAFETY: compiled code passes the run that it was given.
    unsafe {
        crate::run::shim(run, "bpf_trace_printk", |run: &Run<'_>| {
            Ok(line.map_or_else(
                |Malformed| error(libc::EINVAL),
                |line| {
                    run.log(&line);
                    line.len() as u64
                },
            ))
        })
    }
}

/// The format asks for something that is not supported, or for more arguments than there are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Malformed;

/// How wide a number is.
#[derive(Clone, Copy)]
enum Width {
    Int,
    Long,
}

/// Formats like the kernel: `%d %i %u %x %X %c %p` with `l`, `ll`, `0` and a width, and `%%`.
pub(super) fn render(format: &[u8], args: &[u64]) -> Result<String, Malformed> {
    let end = format.iter().position(|&byte| byte == 0).unwrap_or(format.len());
    let text = std::str::from_utf8(&format[..end]).map_err(|_| Malformed)?;
    let mut line = String::with_capacity(text.len() + 16);
    let mut args = args.iter().copied();
    let mut rest = text.chars().peekable();
    while let Some(plain) = rest.next() {
        if plain != '%' {
            line.push(plain);
            continue;
        }
        let mut fill = ' ';
        if rest.next_if_eq(&'0').is_some() {
            fill = '0';
        }
        let mut width = 0_usize;
        while let Some(digit) = rest.peek().and_then(|digit| digit.to_digit(10)) {
            rest.next();
            width = (width * 10 + digit as usize).min(64);
        }
        let mut size = Width::Int;
        while rest.next_if(|letter| matches!(letter, 'l' | 'z')).is_some() {
            size = Width::Long;
        }
        let conversion = rest.next().ok_or(Malformed)?;
        if conversion == '%' {
            line.push('%');
            continue;
        }
        let number = convert(conversion, size, args.next().ok_or(Malformed)?)?;
        for _ in number.chars().count()..width {
            line.push(fill);
        }
        line.push_str(&number);
    }
    Ok(line)
}

fn convert(conversion: char, size: Width, value: u64) -> Result<String, Malformed> {
    let narrow = match size {
        Width::Int => u64::from(value as u32),
        Width::Long => value,
    };
    let mut text = String::new();
    let written = match (conversion, size) {
        ('d' | 'i', Width::Int) => write!(text, "{}", value as u32 as i32),
        ('d' | 'i', Width::Long) => write!(text, "{}", value.cast_signed()),
        ('u', _) => write!(text, "{narrow}"),
        ('x', _) => write!(text, "{narrow:x}"),
        ('X', _) => write!(text, "{narrow:X}"),
        ('p', _) => write!(text, "{value:#x}"),
        ('c', _) => write!(text, "{}", char::from(value as u8)),
        _ => return Err(Malformed),
    };
    written.map(|()| text).map_err(|_| Malformed)
}
