//! Cases on breakers and on the ejection of outliers.

use crate::outlier::threshold;
use serde_json::Value;

/// Runs a case, if it is one of these.
pub(super) fn run(id: &str, case: &Value) -> bool {
    let run: fn(&Value) = match id {
        "envoy-success-rate" => envoy_success_rate,
        _ => return false,
    };
    run(case);
    true
}

fn envoy_success_rate(case: &Value) {
    let given = &case["given"];
    let rates: Vec<f64> = given["rates"]
        .as_array()
        .expect("rates")
        .iter()
        .map(super::number)
        .collect();
    let factor = super::number(&given["factor"]);
    let (mean, threshold) = threshold(rates.iter().copied(), factor).expect("there are rates");
    for step in case["steps"].as_array().expect("steps") {
        let figure = match step[0].as_str() {
            Some("mean") => mean,
            Some("stdev") => (mean - threshold) / factor,
            _ => threshold,
        };
        assert_eq!(figure, super::number(&step[1]), "{step}");
    }
}
