//! A difference in words and in the units that people use for it. It judges nothing: the record
//! does.

use study::compare::{Comparison, Difference, Verdict};
use study::{Unit, is_of_workload};

/// A difference as people write it: `0.31 ± 0.04` `points`.
pub(crate) struct Amount {
    /// Both in the unit's steps, rounded to what the half-width says.
    difference: String,
    half: Option<String>,
    pub(crate) unit: &'static str,
}

/// The step between a record's unit and the one in which a difference of this size is told.
pub(crate) fn scale(unit: Unit, size: f64) -> (f64, &'static str) {
    match unit {
        Unit::Ratio => (100.0, "points"),
        Unit::PerSecond => (1.0, "/s"),
        Unit::Count => (1.0, ""),
        Unit::Milliseconds if size >= 1000.0 => (1e-3, "s"),
        Unit::Milliseconds if size > 0.0 && size < 0.1 => (1e3, "µs"),
        Unit::Milliseconds => (1.0, "ms"),
    }
}

impl Amount {
    /// Of a difference and its half-width.
    pub(crate) fn of(unit: Unit, difference: f64, half: Option<f64>) -> Self {
        let half = half.filter(|half| half.is_finite());
        let (scale, unit) = scale(unit, difference.abs().max(half.unwrap_or(0.0)));
        let difference = difference * scale;
        let half = half.map(|half| half * scale);
        let places = match half.filter(|half| *half > 0.0) {
            Some(half) => decimals(half, difference.abs() < 2.0 * half),
            None => decimals(difference / 10.0, false),
        };
        Self {
            difference: format!("{difference:.places$}"),
            half: half.map(|half| format!("{half:.places$}")),
            unit,
        }
    }

    /// `0.31 ± 0.04 points`, without a sign: for sentences that say which way.
    pub(crate) fn size(&self) -> String {
        let size = self.difference.trim_start_matches('-');
        self.with_unit(size)
    }

    /// `+0.31 ± 0.04 points`.
    pub(crate) fn signed(&self) -> String {
        let sign = if self.difference.starts_with('-') {
            ""
        } else {
            "+"
        };
        self.with_unit(&format!("{sign}{}", self.difference))
    }

    fn with_unit(&self, number: &str) -> String {
        let half = self.half.as_ref();
        let half = half.map_or_else(String::new, |half| format!(" ± {half}"));
        let gap = if matches!(self.unit, "" | "/s") {
            ""
        } else {
            " "
        };
        format!("{number}{half}{gap}{}", self.unit)
    }
}

/// Decimals that show one digit of a half-width; two when the first is 1 or 2, or when it is
/// `close`: where a digit decides on which side of zero the interval ends.
fn decimals(half: f64, close: bool) -> usize {
    let half = half.abs();
    if half == 0.0 {
        return 0;
    }
    let magnitude = half.log10().floor();
    let lead = half / 10f64.powf(magnitude);
    let digits = if lead < 2.95 || close { 1.0 } else { 0.0 };
    (digits - magnitude).clamp(0.0, 6.0) as usize
}

/// A metric in words: `availability`, `p99`, `p99 of admins` when there are several workloads, and
/// its own name where there are no better words.
pub(crate) fn metric(name: &str, several: bool) -> String {
    if !is_of_workload(name) {
        return name.to_owned();
    }
    const LATENCIES: [(&str, &str); 3] = [
        (".latency.mean", "mean latency"),
        (".latency.max", "longest latency"),
        (".latency.p99_9", "p99.9"),
    ];
    const OTHERS: [&str; 3] = [".availability", ".throughput", ".degraded"];
    let (workload, what) = if let Some((end, what)) = LATENCIES.iter().find(|l| name.ends_with(l.0))
    {
        (name.strip_suffix(end), (*what).to_owned())
    } else if let Some((workload, quantile)) = name.rsplit_once(".latency.") {
        (Some(workload), quantile.to_owned())
    } else if let Some((workload, kind)) = name.rsplit_once(".failed.") {
        (Some(workload), format!("failures by {kind}"))
    } else if let Some(end) = OTHERS.iter().find(|end| name.ends_with(**end)) {
        let what = match *end {
            ".degraded" => "degraded answers",
            other => &other[1..],
        };
        (name.strip_suffix(end), what.to_owned())
    } else {
        (None, name.to_owned())
    };
    match workload {
        Some(workload) if several => format!("{what} of {workload}"),
        _ => what,
    }
}

/// Whether the metrics are of more than one workload.
pub(crate) fn several(record: &Comparison) -> bool {
    let mut workloads: Vec<&str> = (record.differences.iter())
        .filter(|d| is_of_workload(&d.metric))
        .filter_map(|d| {
            let cut = [".latency.", ".failed."]
                .iter()
                .find_map(|p| d.metric.rsplit_once(p));
            cut.or_else(|| d.metric.rsplit_once('.'))
                .map(|(workload, _)| workload)
        })
        .collect();
    workloads.dedup();
    workloads.windows(2).any(|pair| pair[0] != pair[1])
}

/// The verdict on one difference, to be read after the setting's name: `loses 0.31 ± 0.04 points of
/// availability`.
pub(crate) fn sentence(d: &Difference, several: bool) -> String {
    let what = metric(&d.metric, several);
    let amount = Amount::of(d.unit, d.mean.unwrap_or_default(), d.half_width);
    let size = amount.size();
    let up = d.mean.is_some_and(|mean| mean > 0.0);
    match d.verdict {
        Verdict::Better if up => format!("gains {size} of {what}"),
        Verdict::Worse if !up => format!("loses {size} of {what}"),
        Verdict::Better => format!("takes {size} off {what}"),
        Verdict::Worse => format!("adds {size} to {what}"),
        Verdict::More => format!("raises {what} by {size}"),
        Verdict::Less => format!("lowers {what} by {size}"),
        Verdict::Same => format!("{what} is the same in every replication"),
        Verdict::Unknown => format!("{what} was measured in fewer than two pairs"),
        Verdict::Indistinguishable => {
            let seen = Amount::of(d.unit, d.detectable.unwrap_or_default(), None);
            format!(
                "{what} is not distinguishable (±{} would have been seen)",
                seen.size()
            )
        }
    }
}

/// A p-value: `0.012`, `<0.001`.
pub(crate) fn p_value(p: f64) -> String {
    match p {
        p if p < 0.001 => "<0.001".to_owned(),
        p if p < 0.1 => format!("{p:.3}"),
        p => format!("{p:.2}"),
    }
}
