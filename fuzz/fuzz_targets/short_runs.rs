//! Whatever the model: no panic, every call ends once, the world's books balance, and the same seed
//! gives the same run. The bytes are choices of the generator that the property tests use, too.
#![no_main]

#[path = "../../src/cluster/tests/random/check.rs"]
mod check;
#[path = "../../src/cluster/tests/random/generator.rs"]
mod generator;
#[path = "../../src/cluster/tests/random/ledger.rs"]
mod ledger;

use libfuzzer_sys::fuzz_target;
use stormglass_cluster::Limits;

const LIMITS: Limits = Limits {
    in_flight: 1_000,
    steps_at_one_instant: 5_000,
    events: 5_000,
};

fuzz_target!(|data: &[u8]| {
    let text = generator::model(data);
    let checked = check::read(&text).and_then(|loaded| check::check(&loaded.model, &LIMITS));
    if let Err(wrong) = checked {
        panic!("{wrong}\n{text}");
    }
});
