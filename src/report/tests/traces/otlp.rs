use crate::{file, traces};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind, status::StatusCode};
use std::collections::{BTreeMap, BTreeSet};
use study::trace::record::Kind;

/// By trace and span: who it is of, and the span, as OpenTelemetry's own types read them.
fn spans() -> BTreeMap<(Vec<u8>, Vec<u8>), (String, Span)> {
    let json = file("traces.otlp.json");
    let request: ExportTraceServiceRequest = serde_json::from_slice(&json).unwrap();
    let mut spans = BTreeMap::new();
    for resource in request.resource_spans {
        let attributes = resource.resource.expect("there is one").attributes;
        let service = text(&attributes, "service.name").expect("it has a name");
        for scope in resource.scope_spans {
            assert_eq!(scope.scope.expect("there is one").name, "stormglass");
            for span in scope.spans {
                let id = (span.trace_id.clone(), span.span_id.clone());
                let before = spans.insert(id, (service.clone(), span));
                assert_eq!(before, None, "identities are unique");
            }
        }
    }
    spans
}

fn value<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a Value> {
    let mut found = attributes.iter().filter(|attribute| attribute.key == key);
    let value = found.next()?.value.as_ref()?.value.as_ref();
    assert_eq!(found.next(), None, "{key} is said once");
    value
}

fn text(attributes: &[KeyValue], key: &str) -> Option<String> {
    match value(attributes, key)? {
        Value::StringValue(text) => Some(text.clone()),
        other => panic!("{key}: {other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn open_telemetrys_own_types_read_every_span_as_it_is() {
    let spans = spans();
    let told = traces().traces.iter().flat_map(|trace| {
        let spans = trace.spans.iter();
        spans.map(move |span| (trace, span))
    });
    let mut count = 0;
    for (trace, span) in told {
        count += 1;
        let (service, read) = spans
            .values()
            .find(|(_, read)| hex(&read.trace_id) == trace.id && hex(&read.span_id) == span.id)
            .expect("every span is there");
        assert_eq!((service, &read.name), (&span.service, &span.name));
        assert_eq!(read.start_time_unix_nano, span.start_ns);
        assert_eq!(read.end_time_unix_nano, span.end_ns);
        let parent = span.parent.map(|parent| &*trace.spans[parent as usize].id);
        assert_eq!(hex(&read.parent_span_id), parent.unwrap_or_default());
        let kind = match span.kind {
            Kind::Attempt => SpanKind::Client,
            Kind::Serve => SpanKind::Server,
            Kind::Publish => SpanKind::Producer,
            Kind::Consume => SpanKind::Consumer,
            _ => SpanKind::Internal,
        };
        assert_eq!(read.kind(), kind);
        let failed = read.status.as_ref().map(|status| status.code());
        assert_eq!(failed == Some(StatusCode::Error), span.failed());
        let error = text(&read.attributes, "error.type");
        assert_eq!(
            error.as_deref(),
            span.outcome.as_deref().filter(|_| span.failed())
        );
        let links: Vec<String> = read.links.iter().map(|link| hex(&link.span_id)).collect();
        let link = span.link.map(|link| trace.spans[link as usize].id.clone());
        assert_eq!(links, link.into_iter().collect::<Vec<_>>());
        let events: Vec<(u64, &str)> = read
            .events
            .iter()
            .map(|event| (event.time_unix_nano, &*event.name))
            .collect();
        let notes = span.events.iter().map(|event| (event.at_ns, &*event.what));
        assert_eq!(events, notes.collect::<Vec<_>>());
    }
    assert_eq!(count, spans.len());
}

#[test]
fn parents_exist_and_hold_their_children() {
    let spans = spans();
    let mut roots = BTreeSet::new();
    for ((trace, id), (_, span)) in &spans {
        if span.parent_span_id.is_empty() {
            assert!(roots.insert(trace), "a trace has one root");
            assert_eq!(
                text(&span.attributes, "stormglass.workload").as_deref(),
                Some("shoppers")
            );
            continue;
        }
        let (_, parent) = &spans[&(trace.clone(), span.parent_span_id.clone())];
        assert!(
            parent.start_time_unix_nano <= span.start_time_unix_nano,
            "{}",
            hex(id)
        );
        let outlives = value(&span.attributes, "stormglass.outlives_parent").is_some();
        assert_eq!(
            outlives,
            span.end_time_unix_nano > parent.end_time_unix_nano,
            "{}",
            hex(id)
        );
    }
    assert_eq!(roots.len(), traces().traces.len());
}

#[test]
fn attributes_have_the_names_that_are_agreed_on() {
    let spans = spans();
    let of_kind = |kind: SpanKind| spans.values().filter(move |(_, span)| span.kind() == kind);
    let resent = of_kind(SpanKind::Client).find_map(|(_, span)| {
        let count = value(&span.attributes, "http.request.resend_count")?;
        Some((span.name.clone(), count.clone()))
    });
    let (name, count) = resent.expect("something was tried again");
    assert_eq!(name, "order.place");
    assert!(matches!(count, Value::IntValue(1..=2)), "{count:?}");
    assert!(of_kind(SpanKind::Client).all(|(_, span)| {
        let server = text(&span.attributes, "server.address");
        server.is_some_and(|server| span.name.starts_with(&format!("{server}.")))
    }));
    for kind in [SpanKind::Producer, SpanKind::Consumer] {
        assert!(of_kind(kind).count() > 0, "{kind:?}");
        assert!(of_kind(kind).all(|(_, span)| {
            let queue = text(&span.attributes, "messaging.destination.name");
            queue.as_deref() == Some("mails")
        }));
    }
    assert!(of_kind(SpanKind::Client).any(|(_, span)| {
        value(&span.attributes, "stormglass.hedge") == Some(&Value::BoolValue(true))
    }));
}

#[test]
fn the_same_requests_give_the_same_bytes() {
    assert_eq!(file("traces.otlp.json"), file("traces.otlp.json"));
    let again = crate::of(&crate::read(crate::MODEL), 5, 10);
    assert_eq!(&again, traces());
}
