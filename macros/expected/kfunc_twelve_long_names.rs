/// Replaces a connection.
fn congestion_control_connection_replace_with_another(
    first: Option<KRef<CongestionControlConnectionOfTheApplication>>,
    second: &CongestionControlConnectionOfTheApplication<WithAParameter>,
    third: Option<&congestion::control::of::the::application::Connection>,
    fourth: CongestionControlModeOfTheApplication,
    fifth: Rcu<'_, CongestionControlPathOfTheApplication>,
    the_number_of_segments_that_were_acknowledged_since: u32,
    the_number_of_segments_that_were_retransmitted: u32,
    the_time_at_which_the_first_of_them_was_sent: u64,
    the_mode_is_the_first_of_all_modes_that_there_are: bool,
    the_window_of_the_other_end_of_the_connection: Const<u64>,
    counters: &MapOf<CongestionControlCounterOfTheApplication, u64>,
    the_description_of_the_other_end_of_the_connection: &CStr,
) -> Option<KRef<NetworkPath>> {
    None
}
// ---- the macro adds ----
const _: () = {
    use ::opswap::__private as __p;
    #[__p::linkme::distributed_slice(__p::OPSWAP_KFUNCS)]
    # [linkme (crate = __p :: linkme)]
    static __DECL: __p::Linked<__p::KfuncDecl> = __p::linked(&__p::agree::release(__p::kfunc12(
        unsafe { __p::words(__p::place!(), "congestion_connection_replace", __p::Tie::NONE, 7) }
            .said("doc:Replaces a connection.", "use connection_swap")
            .callers(&["struct_ops", "tracing"], &[&CONGESTION_CONTROL_WRITERS], &[only_those_allowed]),
        (congestion_control_connection_replace_with_another, || &__DECL),
        __p::arg::<__p::In<Option<KRef<CongestionControlConnectionOfTheApplication>>>>("first"),
        __p::arg::<__p::In<&CongestionControlConnectionOfTheApplication<WithAParameter>>>("second"),
        __p::arg::<__p::In<Option<&congestion::control::of::the::application::Connection>>>("third"),
        __p::arg::<__p::In<CongestionControlModeOfTheApplication>>("fourth"),
        __p::arg::<__p::In<Rcu<'_, CongestionControlPathOfTheApplication>>>("fifth"),
        __p::arg::<__p::In<u32>>("the_number_of_segments_that_were_acknowledged_since"),
        __p::arg::<__p::In<u32>>("the_number_of_segments_that_were_retransmitted"),
        __p::arg::<__p::In<u64>>("the_time_at_which_the_first_of_them_was_sent"),
        __p::arg::<__p::In<bool>>("the_mode_is_the_first_of_all_modes_that_there_are"),
        __p::arg::<__p::In<Const<u64>>>("the_window_of_the_other_end_of_the_connection"),
        __p::arg::<__p::In<&MapOf<CongestionControlCounterOfTheApplication, u64>>>("counters"),
        __p::arg::<__p::In<&CStr>>("the_description_of_the_other_end_of_the_connection"),
        __p::ret::<__p::Fixed<Option<KRef<NetworkPath>>>>("Option<KRef<NetworkPath>>").acquire().ret_null(),
    )));
};
