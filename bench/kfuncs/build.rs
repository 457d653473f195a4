//! Writes the kfuncs: `KFUNCS` of them (10,000 unless said otherwise), in eight forms, over one type for every hundred.

use std::fmt::Write;

fn main() {
    println!("cargo::rerun-if-env-changed=KFUNCS");
    let count: usize = std::env::var("KFUNCS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let mut code = String::new();
    for ty in 0..count.div_ceil(100) {
        let _ = writeln!(
            code,
            "#[derive(Btf)] #[repr(C)] pub struct Object{ty} {{ a: u32, b: u64, c: [u8; 16], next: Option<KRef<Object{ty}>> }}"
        );
    }
    for index in 0..count {
        let ty = format!("Object{}", index / 100);
        let _ = writeln!(code, "/// Function {index}.");
        let _ = match index % 8 {
            0 => writeln!(code, "#[kfunc] fn f{index}(a: u32, b: u64) -> u64 {{ u64::from(a) + b }}"),
            1 => writeln!(code, "#[kfunc] fn f{index}(o: &{ty}, by: u32) -> u32 {{ o.a + by }}"),
            2 => writeln!(code, "#[kfunc] fn f{index}(o: &mut {ty}, by: u64) {{ o.b += by; }}"),
            3 => writeln!(code, "#[kfunc(acquire, ret_null)] fn f{index}(o: &{ty}) -> Option<KRef<{ty}>> {{ o.next.clone() }}"),
            4 => writeln!(code, "#[kfunc(release)] fn f{index}(o: KRef<{ty}>) {{ drop(o); }}"),
            5 => writeln!(code, "#[kfunc] fn f{index}(bytes: &[u8]) -> Result<u32, Errno> {{ bytes.first().map(|b| u32::from(*b)).ok_or(Errno::EINVAL) }}"),
            6 => writeln!(code, "#[kfunc(ret_null)] fn f{index}(o: &{ty}) -> Option<&{ty}> {{ o.next.as_deref() }}"),
            _ => writeln!(code, "#[kfunc(sleepable, programs(tracing))] fn f{index}(a: i8, b: i16, c: i32, d: bool) -> i64 {{ i64::from(a) + i64::from(b) + i64::from(c) + i64::from(d) }}"),
        };
    }
    let folder = std::env::var("OUT_DIR").expect("cargo says where");
    std::fs::write(std::path::Path::new(&folder).join("kfuncs.rs"), code).expect("the folder is writable");
}
