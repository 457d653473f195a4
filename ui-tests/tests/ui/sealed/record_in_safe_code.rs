use opswap::__private::{KfuncDecl, Linked};

fn forged(mut decl: KfuncDecl) -> Linked<KfuncDecl> {
    decl.args = &[];
    Linked::new(decl)
}

fn main() {}
