//! No text is a panic: not as a model, not as an expression, not as arguments, not as a change of a model.
//!
//! `FUZZ_INPUTS=1000000 cargo test --release -p sterna-model --test fuzz` runs a million inputs; without it there are a few thousand, the
//! same ones each time. `FUZZ_SEED` makes others. `crates/model/fuzz` runs the same targets under cargo-fuzz.

#[path = "fuzz/targets.rs"]
mod targets;

use std::panic::catch_unwind;
use targets::{TARGETS, run, with_expression};

/// Of all targets together.
const INPUTS: u64 = 3_000;
const BYTES_MAX: u64 = 96;

/// Sebastiano Vigna's splitmix64: the same bytes on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn bytes(&mut self) -> Vec<u8> {
        (0..1 + self.next() % BYTES_MAX).map(|_| self.next() as u8).collect()
    }
}

#[expect(clippy::disallowed_methods, reason = "a test's switches")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn no_input_is_a_panic() {
    let (inputs, seed) = (number("FUZZ_INPUTS").unwrap_or(INPUTS), number("FUZZ_SEED").unwrap_or(1));
    let each = inputs.div_ceil(TARGETS.len() as u64);
    for (at, (name, target)) in TARGETS.iter().enumerate() {
        let mut random = Random(seed.wrapping_add(at as u64) << 32);
        for n in 0..each {
            let bytes = random.bytes();
            assert!(catch_unwind(|| target(&bytes)).is_ok(), "target `{name}`, input {n} of seed {seed}: {bytes:?}");
        }
    }
}

#[test]
fn the_deepest_expressions_fit_the_stack() {
    for (open, close) in [("(", ")"), ("[", "]"), ("!", ""), ("-", ""), ("size([", "])"), ("true ? ", " : 1"), ("{'a': ", "}")] {
        for depth in [5, 20, 60, 400] {
            run(&with_expression(&format!("{}1{}", open.repeat(depth), close.repeat(depth))));
        }
    }
    for chain in [".a", "+1", " == 1", "[0]", "&&true", "?1:1", ".b()"] {
        for length in [50, 200, 511] {
            run(&with_expression(&format!("args{}", chain.repeat(length))));
        }
    }
}

#[test]
fn the_deepest_types_fit_the_stack() {
    for (open, close) in [("{ list = ", " }"), ("{ object = { a = ", " } }"), ("{ map = ", " }"), ("{ register = ", " }"), ("[", "]")] {
        for depth in [3, 9, 60, 400] {
            let of = format!("{}\"int\"{}", open.repeat(depth), close.repeat(depth));
            run(&format!("version = 1\n[aggregate.t.fields]\na = {of}\n[aggregate.t.commands.c]\nargs = {{ a = {of} }}\n"));
        }
    }
}
