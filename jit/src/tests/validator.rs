//! The second look at an image finds what it is there to find.

use crate::Executable;
use crate::code_memory::CodeBuffer;
use crate::executable::ImageMap;
use crate::tests::harness::TestLinker;
use crate::validate::check;

/// Machine code, and what must be said about it; empty where nothing is wrong.
const IMAGES: &[(&str, &[u8], &str)] = &[
    ("ret", &[0xc3], ""),
    ("jmp to itself", &[0xeb, 0xfe], ""),
    ("syscall", &[0x0f, 0x05, 0xcc], "never emitted"),
    ("no instruction", &[0x06, 0xcc], "never emitted"),
    ("jmp into itself", &[0xeb, 0xff, 0xcc], "inside an instruction"),
    ("jmp beyond the end", &[0xe9, 0, 0x10, 0, 0, 0xcc], "outside the image"),
    ("call of an unknown function", &[0xe8, 0, 0x10, 0, 0, 0xcc], "outside the image"),
    ("jmp rax", &[0xff, 0xe0, 0xcc], "indirect jump"),
    ("call rax", &[0xff, 0xd0, 0xcc], "call of an unknown address"),
    (
        "mov r11, 7; call r11",
        &[0x49, 0xbb, 7, 0, 0, 0, 0, 0, 0, 0, 0x41, 0xff, 0xd3, 0xcc],
        "call of an unknown address",
    ),
    ("mov r12, rax", &[0x49, 0x89, 0xc4, 0xcc], "r12 changes"),
    ("mov rsp, rax", &[0x48, 0x89, 0xc4, 0xcc], "rsp changes"),
    ("mov [rsp], rax", &[0x48, 0x89, 0x04, 0x24, 0xcc], "memory at rsp"),
    ("mov [r12+8], eax", &[0x41, 0x89, 0x44, 0x24, 0x08, 0xcc], "the run's header"),
    ("cmp dword ptr [r12], 0", &[0x41, 0x83, 0x3c, 0x24, 0x00, 0xcc], ""),
    ("mov [rbp+8], rax", &[0x48, 0x89, 0x45, 0x08, 0xcc], "no stack of the program"),
    ("mov [rbp-8], rax", &[0x48, 0x89, 0x45, 0xf8, 0xcc], ""),
    ("xor eax, eax and no more", &[0x31, 0xc0], "does not end"),
];

fn image(code: &[u8]) -> Executable {
    let mut buffer = CodeBuffer::reserve(code.len(), image as *const () as usize).expect("a page");
    buffer.bytes_mut()[..code.len()].copy_from_slice(code);
    let map =
        ImageMap { entry: 0, cfi_hash: 0, functions: Box::new([]), slots: Box::new([]), len: code.len() };
    Executable::new(buffer.publish(code.len()).expect("an executable page"), map)
}

#[test]
fn flaws_are_found() {
    for (name, code, expected) in IMAGES {
        let found = check(&image(code), &[], &TestLinker::default());
        match found {
            Ok(()) => assert_eq!(*expected, "", "{name}: nothing was found"),
            Err(flaw) => {
                assert!(!expected.is_empty() && flaw.what.contains(expected), "{name}: {flaw}");
            }
        }
    }
}
