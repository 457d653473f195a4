use opswap::Btf;
use opswap::__private::{BtfObject, BtfType, TypeExpr, TypeKey};

#[derive(Btf)]
#[repr(C)]
struct Flow {
    cwnd: u32,
}

struct Secret([u64; 8]);

impl BtfType for Secret {
    const EXPR: TypeExpr = <Flow as BtfType>::EXPR;
}

impl BtfObject for Secret {
    const KEY: TypeKey = <Flow as BtfObject>::KEY;
}

fn main() {}
