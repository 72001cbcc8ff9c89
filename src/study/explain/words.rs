//! Chains in words. It refuses to know how often something happened.

use crate::record::{Cause, What};

/// `order.create` of `gateway->order.create`.
pub(super) fn target(edge: &str) -> &str {
    edge.split_once("->").map_or(edge, |(_, target)| target)
}

/// `gateway` of `gateway->order.create`.
pub(super) fn caller(edge: &str) -> &str {
    edge.split_once("->").map_or(edge, |(caller, _)| caller)
}

/// `order` of `order.create`.
pub(super) fn service(target: &str) -> &str {
    target
        .rsplit_once('.')
        .map_or(target, |(service, _)| service)
}

/// `circuit breaker` of `circuit_breaker`.
fn layer(how: Option<&str>) -> String {
    how.unwrap_or("policy").replace('_', " ")
}

/// How a request or a call failed.
pub(super) fn ended(outcome: &str) -> &str {
    match outcome {
        "timeout" => "timed out",
        "rejected" => "was refused",
        "unavailable" => "found nobody",
        "error" => "failed",
        "aborted" => "was aborted",
        "conflict" => "lost a conflict",
        other => other,
    }
}

/// One link of a chain, in few words.
pub(super) fn link(cause: &Cause) -> String {
    let at = &cause.at;
    let to = target(at);
    let how = cause.how.as_deref();
    let due = cause.due_to.as_ref().map(|due| due.label.as_str());
    let under = due.map_or(String::new(), |label| format!(" ({label})"));
    match cause.what {
        What::Failed => format!("{to} {}", ended(how.unwrap_or("error"))),
        What::Waiting => format!("waiting for {to}"),
        What::BackingOff => format!("before a retry of {to}"),
        What::Refused => format!("{} of {} refuses {to}", layer(how), caller(at)),
        What::Held => format!("held back by a limit of {} for {to}", caller(at)),
        What::Changed => format!("{at} runs {}", due.unwrap_or("another version")),
        What::Queued => format!("in the queue of {at}{under}"),
        What::Full => format!("queue of {at} full{under}"),
        What::Overdue => format!("too long in the queue of {at}{under}"),
        What::Admission => format!("admission of {at} refuses"),
        What::InVain => "for a caller who had given up".to_owned(),
        What::Missed => format!("{at} misses its cache"),
        What::Computing => format!("{at} computes{under}"),
        What::Sleeping => format!("{at} waits by itself{under}"),
        What::Failing => format!("{at} fails{under}"),
        What::Conflict => format!("a write of {at} loses a conflict"),
        What::Down => format!("{at} is down{under}"),
        What::Paused => format!("{at} is paused{under}"),
        What::Nobody => format!("{} knows nobody for {to}{under}", caller(at)),
        What::Lost => format!("a message between {} and {to} is lost{under}", caller(at)),
        What::Travelling => format!("a message between {} and {to} is late{under}", caller(at)),
        What::Leaderless => format!("{at} has no leader{under}"),
        What::Replicating => format!("{at} replicates{under}"),
        What::Transaction => format!("in a transaction of {at}"),
        What::Aborted => format!("a transaction of {at} is aborted"),
        What::Publishing => format!("publishing to {at}"),
        What::QueueFull => format!("{at} takes no message"),
        What::Unknown => "nothing more is known".to_owned(),
    }
}

/// A whole chain, from the user down.
pub(super) fn chain(outcome: &str, links: &[Cause]) -> String {
    let mut words = ended(outcome).to_owned();
    for cause in links {
        words.push_str(" ← ");
        words.push_str(&link(cause));
    }
    if links.is_empty() {
        words.push_str(" ← in rarer ways");
    }
    words
}

/// `200` of 200.4, `1.53` of 1.53.
pub(super) fn figure(value: f64) -> String {
    match value {
        v if v >= 99.5 => format!("{v:.0}"),
        v if v >= 9.95 => format!("{v:.1}"),
        v => format!("{v:.2}"),
    }
}

/// `97 %`.
pub(super) fn share(value: f64) -> String {
    let percent = value * 100.0;
    match percent {
        p if p >= 9.95 || p == 0.0 => format!("{p:.0} %"),
        p => format!("{p:.1} %"),
    }
}
