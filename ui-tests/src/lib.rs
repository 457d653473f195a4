//! Compile-fail cases, golden expansions and repository rules: see `tests/`.
