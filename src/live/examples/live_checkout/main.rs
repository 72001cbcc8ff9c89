//! The shop of `models/checkout.yaml`, for a few seconds, as real services: HTTP servers on the
//! loopback that do what the model's handlers do, and call each other through the model's policies.
//! Payment turns slow for a while. Beside it stands what the simulation of the same model predicts.
//!
//! ```text
//! cargo run --release -p stormglass-live --example live_checkout
//! ```
//! It binds ports of 127.0.0.1 that the system chooses, sends a bounded number of requests, and ends
//! by itself. What the model says of networks and nodes is left out on both sides.

mod load;
mod node;
mod shop;

use clock::Duration;
use load::Tally;
use model::{Loaded, Set};
use shop::Shop;
use std::path::Path;
use std::time::Duration as StdDuration;

/// How long customers come, how many a second, and when payment is slow.
#[derive(Clone, Copy)]
struct Plan {
    seconds: u32,
    rate: u32,
    slow_at: u32,
    slow_for: u32,
}

impl Plan {
    /// The model, changed.
    fn load(self) -> Result<Loaded, String> {
        let faults = format!(
            "[{{at: {}s, for: {}s, slow: {{service: payment, factor: 8}}}}]",
            self.slow_at, self.slow_for
        );
        let none = "{within_zone: {latency: 0s}, between_zones: {latency: 0s}}";
        let sets = [
            ("run.duration", format!("{}s", self.seconds)),
            ("run.warmup", "0s".to_owned()),
            ("run.replications", "20".to_owned()),
            ("network", none.to_owned()),
            ("services.order.balancer", "random".to_owned()),
            ("policies.charge.circuit_breaker.open_for", "1s".to_owned()),
            (
                "workloads.shoppers.arrivals.poisson.rate",
                format!("{}/s", self.rate),
            ),
            ("faults", faults),
        ]
        .map(|(path, value)| Set::new(path, value));
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/checkout.yaml");
        model::load(&file, &sets).map_err(|mistakes| mistakes.render(100, false))
    }
}

fn main() -> Result<(), String> {
    let plan = Plan {
        seconds: 10,
        rate: 200,
        slow_at: 3,
        slow_for: 3,
    };
    let (live, simulated) = compare(plan)?;
    println!("{:>10}{:>12}{:>12}", "", "live", "simulated");
    for ((name, live), (_, simulated)) in live.rows().into_iter().zip(simulated.rows()) {
        println!("{name:>10}{live:>12}{simulated:>12}");
    }
    Ok(())
}

/// What happened, and what the simulation says of it.
fn compare(plan: Plan) -> Result<(Tally, Tally), String> {
    let loaded = plan.load()?;
    let progress = study::Progress::new();
    let record = study::run(&loaded.model, &study::Options::default(), &progress)
        .map_err(|error| error.to_string())?;
    let simulated = Tally::of_record(&record.workloads["shoppers"], record.replications);

    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|error| error.to_string())?;
    let most = StdDuration::from_secs(u64::from(plan.seconds) + 20);
    let live = runtime.block_on(async {
        let shop = Shop::open(loaded.model).await?;
        let customers = load::customers(&shop, plan.rate, Duration::from_secs(plan.seconds.into()));
        tokio::time::timeout(most, customers)
            .await
            .map_err(|_| "the customers have not come to an end".to_owned())
    });
    // Work that nobody waits for any more may still be there.
    runtime.shutdown_background();
    Ok((live?, simulated))
}

#[test]
fn every_customer_is_answered_once() {
    let plan = Plan {
        seconds: 2,
        rate: 50,
        slow_at: 1,
        slow_for: 1,
    };
    let (live, simulated) = compare(plan).unwrap();
    for tally in [&live, &simulated] {
        assert!(tally.issued > 50.0, "of 100 expected");
        assert!(tally.succeeded + tally.failed <= tally.issued);
    }
    assert_eq!(live.succeeded + live.failed, live.issued);
}
