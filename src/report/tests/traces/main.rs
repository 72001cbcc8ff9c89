//! What is written and drawn of requests, of a model that has nearly everything that can happen to one.

mod chrome;
mod otlp;
mod page;

use model::{Files, Model};
use std::io;
use std::sync::OnceLock;
use study::Progress;
use study::trace::record::Traces;
use study::trace::{TraceOptions, trace};

const MODEL: &str = "
name: shop
run: {duration: 60s, warmup: 5s, seed: 3}
network: {within_zone: {latency: {exponential: {mean: 1ms}}, loss: 1%}}
policies:
  again: [{retry: {attempts: 3, backoff: 5ms}}, {timeout: 60ms}]
  twice: [{hedge: {attempts: 2, delay: 20ms}}, {timeout: 100ms}]
  short: [{timeout: 30ms}]
  user: [{timeout: 200ms}]
queues: {mails: {consumer: mail.send}}
services:
  gateway:
    instances: 2
    workers: 40
    endpoints:
      buy:
        - parallel:
            - [{call: stock.get, policy: twice}, {wait: 1ms}]
            - [{call: order.place, policy: again}]
        - publish: mails
  stock: {instances: 3, workers: 4, endpoints: {get: [{compute: {exponential: {mean: 8ms}}}]}}
  order:
    instances: 2
    workers: 3
    queue: {capacity: 20}
    endpoints:
      place: [{compute: {exponential: {mean: 15ms}}}, {call: pay.charge, policy: short}]
  pay: {workers: 9, endpoints: {charge: [{wait: 5ms}, {fail: 2%}]}}
  mail: {workers: 2, endpoints: {send: [{compute: 12ms}]}}
workloads: {shoppers: {target: gateway.buy, policy: user, arrivals: {poisson: {rate: 100/s}}}}
";

/// The same for all tests.
fn traces() -> &'static Traces {
    static TRACES: OnceLock<Traces> = OnceLock::new();
    TRACES.get_or_init(|| of(&read(MODEL), 5, 10))
}

fn of(model: &Model, slowest: u32, failed: u32) -> Traces {
    let options = TraceOptions {
        slowest,
        failed,
        replication: 0,
        workload: None,
    };
    trace(model, &options, &Progress::new()).unwrap()
}

fn read(text: &str) -> Model {
    match model::read(text, "test.yaml", &NoFiles, &[]) {
        Ok(loaded) => loaded.model,
        Err(report) => panic!("{}", report.render(100, false)),
    }
}

struct NoFiles;

impl Files for NoFiles {
    fn read(&self, path: &str) -> io::Result<String> {
        Err(io::Error::new(io::ErrorKind::NotFound, path))
    }
}

/// One of the files, by its name.
fn file(name: &str) -> Vec<u8> {
    let files = stormglass_report::trace_files(traces());
    let file = files.into_iter().find(|file| file.name == name);
    file.expect("it is written").bytes
}
