use opswap::kfunc;

#[kfunc]
unsafe fn bpf_local_irq_save(flags__irq_flag: *mut u32) {
    let _ = flags__irq_flag;
}

fn main() {}
