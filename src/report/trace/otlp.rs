//! Traces as OTLP/JSON: one `ExportTraceServiceRequest`, as the file exporter of an OpenTelemetry
//! collector writes it and Jaeger and Grafana Tempo read it.
//!
//! By the specification (opentelemetry.io/docs/specs/otlp, "JSON Protobuf Encoding"), identities are
//! hexadecimal, enumerations are numbers, and whole numbers of 64 bits are strings. Time 0 of the
//! simulation is time 0 of Unix: what happens after 5 s happened on 1 January 1970.

use serde::Serialize;
use std::collections::BTreeMap;
use study::trace::record::{Kind, Span, Trace, Traces};

/// The bytes of the file.
pub(super) fn json(traces: &Traces) -> Vec<u8> {
    // By who did it: the collector's order, too, is that of resources.
    let mut resources: BTreeMap<(&str, Option<u32>), Vec<SpanJson<'_>>> = BTreeMap::new();
    for trace in &traces.traces {
        for (index, span) in trace.spans.iter().enumerate() {
            let who = (&*span.service, span.instance);
            let told = span_json(traces, trace, index);
            resources.entry(who).or_default().push(told);
        }
    }
    let resource_spans = resources.into_iter().map(|((service, instance), spans)| {
        let mut attributes = Attributes::default();
        attributes.text("service.name", service);
        attributes.text("service.namespace", &traces.model);
        if let Some(instance) = instance {
            attributes.text("service.instance.id", &format!("{service}-{instance}"));
        }
        ResourceSpans {
            resource: Resource { attributes },
            scope_spans: [ScopeSpans {
                scope: Scope {
                    name: "stormglass",
                    version: env!("CARGO_PKG_VERSION"),
                },
                spans,
            }],
        }
    });
    let request = Request {
        resource_spans: resource_spans.collect(),
    };
    let mut bytes = serde_json::to_vec(&request).expect("it has no maps");
    bytes.push(b'\n');
    bytes
}

fn span_json<'a>(traces: &'a Traces, trace: &'a Trace, index: usize) -> SpanJson<'a> {
    let span = &trace.spans[index];
    let parent = span.parent.map(|parent| &trace.spans[parent as usize]);
    let link = span.link.map(|link| &trace.spans[link as usize]);
    let mut attributes = attributes(span, link);
    if index == 0 {
        attributes.text("stormglass.workload", &trace.workload);
        attributes.whole("stormglass.request", trace.number);
        attributes.whole("stormglass.seed", traces.seed);
        attributes.whole("stormglass.replication", traces.replication.into());
        if trace.dropped > 0 {
            attributes.whole("stormglass.dropped_spans", trace.dropped);
        }
    }
    SpanJson {
        trace_id: &trace.id,
        span_id: &span.id,
        parent_span_id: parent.map(|parent| &*parent.id),
        name: &span.name,
        kind: kind(span.kind),
        start_time_unix_nano: span.start_ns.to_string(),
        end_time_unix_nano: span.end_ns.to_string(),
        attributes,
        events: span
            .events
            .iter()
            .map(|event| EventJson {
                time_unix_nano: event.at_ns.to_string(),
                name: &event.what,
            })
            .collect(),
        links: link
            .map(|link| Link {
                trace_id: &trace.id,
                span_id: &link.id,
            })
            .into_iter()
            .collect(),
        status: span.failed().then(|| Status {
            message: span.outcome.as_deref().unwrap_or_default(),
            code: ERROR,
        }),
    }
}

/// `SpanKind`.
fn kind(kind: Kind) -> u8 {
    match kind {
        Kind::Serve | Kind::Participate => 2,
        Kind::Attempt => 3,
        Kind::Publish => 4,
        Kind::Consume => 5,
        _ => 1,
    }
}

/// `STATUS_CODE_ERROR`. A span without an error has no status: that it is well is for people to say.
const ERROR: u8 = 2;

/// In the words of the semantic conventions where they have any.
fn attributes(span: &Span, link: Option<&Span>) -> Attributes {
    let mut attributes = Attributes::default();
    attributes.text("stormglass.kind", span.kind.name());
    if span.kind == Kind::Attempt {
        let service = span
            .name
            .rsplit_once('.')
            .map_or("", |(service, _)| service);
        attributes.text("server.address", service);
        if let Some(to) = &span.to {
            attributes.text("stormglass.server.instance", to);
        }
        match span.attempt {
            Some(attempt) if attempt > 0 && !span.hedge => {
                attributes.whole("http.request.resend_count", attempt.into());
            }
            _ => {}
        }
        if span.hedge {
            attributes.yes("stormglass.hedge");
        }
    }
    if let Some(message) = span.message {
        let (queue, operation) = match link {
            Some(publisher) => (&publisher.name, "process"),
            None => (&span.name, "send"),
        };
        attributes.text("messaging.system", "stormglass");
        attributes.text("messaging.destination.name", queue);
        attributes.text("messaging.operation.type", operation);
        attributes.text("messaging.message.id", &message.to_string());
    }
    if let Some(delivery) = span.delivery {
        attributes.whole("stormglass.delivery", delivery.into());
    }
    if let Some(outcome) = &span.outcome {
        attributes.text("stormglass.outcome", outcome);
        if span.failed() {
            attributes.text("error.type", outcome);
        }
    }
    if let Some(by) = &span.refused_by {
        attributes.text("stormglass.refused_by", by);
    }
    if span.unfinished {
        attributes.yes("stormglass.unfinished");
    }
    if span.outlives_parent {
        attributes.yes("stormglass.outlives_parent");
    }
    attributes
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Request<'a> {
    resource_spans: Vec<ResourceSpans<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResourceSpans<'a> {
    resource: Resource,
    scope_spans: [ScopeSpans<'a>; 1],
}

#[derive(Serialize)]
struct Resource {
    attributes: Attributes,
}

#[derive(Serialize)]
struct ScopeSpans<'a> {
    scope: Scope,
    spans: Vec<SpanJson<'a>>,
}

#[derive(Serialize)]
struct Scope {
    name: &'static str,
    version: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SpanJson<'a> {
    trace_id: &'a str,
    span_id: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_span_id: Option<&'a str>,
    name: &'a str,
    kind: u8,
    start_time_unix_nano: String,
    end_time_unix_nano: String,
    attributes: Attributes,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    events: Vec<EventJson<'a>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    links: Vec<Link<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<Status<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct EventJson<'a> {
    time_unix_nano: String,
    name: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Link<'a> {
    trace_id: &'a str,
    span_id: &'a str,
}

#[derive(Serialize)]
struct Status<'a> {
    message: &'a str,
    code: u8,
}

/// `KeyValue`s.
#[derive(Default, Serialize)]
#[serde(transparent)]
struct Attributes(Vec<KeyValue>);

#[derive(Serialize)]
struct KeyValue {
    key: &'static str,
    value: AnyValue,
}

#[derive(Serialize)]
enum AnyValue {
    #[serde(rename = "stringValue")]
    Text(String),
    #[serde(rename = "intValue")]
    Whole(String),
    #[serde(rename = "boolValue")]
    Truth(bool),
}

impl Attributes {
    fn text(&mut self, key: &'static str, value: &str) {
        let value = AnyValue::Text(value.to_owned());
        self.0.push(KeyValue { key, value });
    }

    fn whole(&mut self, key: &'static str, value: u64) {
        let value = AnyValue::Whole(value.to_string());
        self.0.push(KeyValue { key, value });
    }

    fn yes(&mut self, key: &'static str) {
        let value = AnyValue::Truth(true);
        self.0.push(KeyValue { key, value });
    }
}
