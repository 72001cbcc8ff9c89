//! A circuit breaker of one's own, in a model: does it end the retry storm after a slow spell?

use clock::{Duration, Instant};
use policy::Outcome;
use policy::custom::{Admit, Custom, Record, Registry};

/// Opens for a second after five failures in a row.
#[derive(Clone, Debug, Default)]
struct Mine {
    failures: u32,
    open_until: Instant,
}

type Random<'a> = &'a mut dyn FnMut() -> u64;

impl Custom for Mine {
    fn admit(&mut self, now: Instant, _: &mut u64, _: Random<'_>) -> Admit {
        match now < self.open_until {
            true => Admit::Refuse,
            false => Admit::Pass,
        }
    }

    fn record(&mut self, now: Instant, _: &mut u64, ended: Outcome, _: Random<'_>) -> Record {
        self.failures = (self.failures + 1) * u32::from(!ended.is_success());
        if self.failures >= 5 {
            self.open_until = now + Duration::from_secs(1);
        }
        Record::End(ended)
    }

    fn boxed_clone(&self) -> Box<dyn Custom> {
        Box::new(self.clone())
    }
}

const MODEL: &str = "
policies: {storm: [{retry: {attempts: 4}}, {custom: {implementation: mine}}, {timeout: 200ms}]}
services: {shop: {workers: 8, endpoints: {buy: [{compute: {exponential: {mean: 20ms}}}]}}}
workloads: {all: {target: shop.buy, policy: storm, arrivals: {poisson: {rate: 300/s}}}}
faults: [{at: 20s, for: 3s, slow: {service: shop, factor: 8}}]
run: {duration: 60s, replications: 10}
";

fn main() -> Result<(), String> {
    let registry = Registry::new().with("mine", |_| Ok(Box::<Mine>::default()));
    let without = MODEL.replace("{custom: {implementation: mine}}, ", "");
    for (name, text) in [("without", &*without), ("with", MODEL)] {
        let loaded = model::read_with(text, "storm.yaml", &(), &[], &registry);
        let model = loaded.map_err(|report| report.render(80, false))?.model;
        let record = study::run(&model, &Default::default(), &study::Progress::new());
        let record = record.map_err(|error| error.to_string())?;
        let mean = record.workloads["all"].availability.mean.unwrap_or(0.0);
        println!("available {name} the breaker: {:.1} %", 100.0 * mean);
    }
    Ok(())
}
