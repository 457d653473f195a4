//! Every macro in a crate that knows opswap by another name, without a prelude, without unsafe code.

#![forbid(unsafe_code)]
#![no_implicit_prelude]

/// A gauge.
#[derive(::swap::Btf)]
#[btf(crate = ::swap)]
#[repr(C)]
#[derive(::core::fmt::Debug)]
pub struct Gauge {
    /// Its level.
    pub level: u32,
    /// The gauge behind it.
    pub next: ::core::option::Option<::std::boxed::Box<Gauge>>,
}

/// How a gauge moves.
#[derive(::swap::Btf, ::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
#[btf(crate = ::swap)]
#[repr(u8)]
pub enum Motion {
    /// Up.
    Up,
    /// Down.
    Down = 4,
}

/// Moves a gauge.
#[::swap::kfunc(crate = ::swap)]
pub fn gauge_move(gauge: &mut Gauge, by: u32, motion: Motion) -> u32 {
    gauge.level = match motion {
        Motion::Up => gauge.level.saturating_add(by),
        Motion::Down => gauge.level.saturating_sub(by),
    };
    gauge.level
}

/// The gauge behind.
#[::swap::kfunc(ret_null, crate = ::swap)]
pub fn gauge_next(gauge: &Gauge, _unused: bool) -> ::core::option::Option<&Gauge> {
    gauge.next.as_deref()
}

/// What follows a gauge.
#[::swap::struct_ops(name = "gauge_ops", crate = ::swap)]
pub struct GaugeOps {
    /// It moved.
    pub moved: fn(gauge: &mut Gauge, motion: Motion) -> bool,
    /// It is gone.
    pub gone: ::core::option::Option<fn(gauge: &Gauge)>,
    /// Flags.
    pub flags: u32,
}

impl ::swap::StructOps for GaugeOps {}
