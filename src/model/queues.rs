//! Message queues: who consumes, how often it is tried, and what a preset of a product says.

use crate::names::Names;
use crate::quantity::{Count, PositiveDuration, PositiveNumber, Ratio};
use crate::reader::{At, List, Named, OrNone, Reader, Value};
use crate::schema::Defs;
use crate::shape::{choice, record};
use crate::tree::{Kind, Node};
use crate::types::{
    Distribution, MessageQueue, Producer, QueueId, Redelivery, Service, Sharing, Target, WhenFull,
};
use clock::Duration;
use serde_json::{Value as Json, json};

/// Groups of consumers of one queue, at most.
const MOST_GROUPS: usize = 64;

record! {
    /// A queue of messages: what `publish` steps put there, consumers are given later, at least once.
    MessageQueueShape {
        /// The usual values of a product; what is written beside it counts instead.
        optional preset: PresetWord,
        /// The service whose instances hold the partitions in turn; when absent a broker that never
        /// fails, a hop without latency away.
        optional broker: String,
        /// Who handles the messages: SERVICE.ENDPOINT. Each message is given to one instance.
        optional consumer: String,
        /// Several groups of consumers, each of which is given every message.
        optional consumers: List<At<String>, 1>,
        /// Logs over which messages are spread by the key of their request.
        usual partitions: Count<1, 1_000> = "1",
        /// How the instances of a consumer share the partitions.
        usual sharing: SharingShape = "competing",
        /// Messages that wait or are out at consumers.
        usual capacity: OrNone<Count<1, 1_000_000_000>> = "none",
        /// What becomes of one more message.
        usual when_full: WhenFullWord = "refuse",
        /// Messages that may be out at one instance; as many as it has workers when absent.
        optional prefetch: Count<1, 1_000_000>,
        /// How long a consumer may take before its message is delivered again.
        usual ack_timeout: OrNone<PositiveDuration> = "30s",
        /// Deliveries after which a message is a dead letter.
        usual max_deliveries: OrNone<Count<1, 1_000_000>> = "none",
        /// The queue to which dead letters go; when absent they are counted, and gone.
        optional dead_letter: String,
        /// From a failed delivery to the next.
        usual redelivery: RedeliveryShape = "0s",
        /// How messages get in.
        optional producer: ProducerShape,
        /// How long one write of a partition's log takes; a message is safe behind it.
        usual force: Distribution = "0s",
        /// For how long consumers remember what they have handled, and let it be when it comes again.
        usual deduplicate_for: Duration = "0s",
        /// What was out at a consumer that crashed is delivered again at once; else after
        /// `ack_timeout`.
        usual requeue: bool = "true",
        /// The share of messages that no consumer can handle.
        usual poison: Ratio = "0",
    }
    one_of { "consumer", "consumers" }
}

choice! {
    /// A product whose usual values count.
    "a preset": PresetWord {
        /// Amazon SQS, a standard queue.
        "sqs" => Sqs,
        /// Apache Kafka 4, a topic of one partition with an idempotent producer.
        "kafka" => Kafka,
        /// RabbitMQ 4, a durable queue with publisher confirms.
        "rabbitmq" => Rabbitmq,
    }
}

choice! {
    /// How the instances of a consumer share the partitions.
    "a way of sharing": SharingShape {
        /// Every instance takes from every partition.
        "competing" => Competing,
        /// One instance for each partition, one message after the other.
        "exclusive" => Exclusive(ExclusiveShape),
    }
}

record! {
    /// One instance for each partition.
    ExclusiveShape {
        /// How long nobody takes from partitions that move when an instance comes or goes.
        default rebalance: Duration = "3s",
    }
}

choice! {
    /// What becomes of a message when the queue is full.
    "an answer to a full queue": WhenFullWord {
        /// The producer is refused.
        "refuse" => Refuse,
        /// The producer waits for room.
        "block" => Block,
        /// The oldest message that waits is dropped.
        "drop_oldest" => DropOldest,
    }
}

record! {
    /// A delay that grows.
    GrowingShape {
        /// After the first failure.
        required initial: Duration,
        /// For each further one, at least 1.
        default factor: PositiveNumber = "2",
        /// The most.
        default max: Duration = "1m",
    }
}

record! {
    /// How messages get in.
    ProducerShape {
        /// How long one try waits for the broker's word.
        usual timeout: PositiveDuration = "1s",
        /// Further tries.
        usual retries: Count<0, 1_000_000> = "3",
        /// The broker knows a message that is tried again, and keeps it once.
        usual idempotent: bool = "false",
        /// Whether the handler waits for the broker's word; else its message may be lost unnoticed.
        usual wait: bool = "true",
    }
}

/// A duration, or one that grows.
#[derive(Clone, Debug)]
pub(crate) enum RedeliveryShape {
    Constant(Duration),
    Growing(GrowingShape),
}

impl Value for RedeliveryShape {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        match node.kind {
            Kind::Map(_) => GrowingShape::read(node, cx).map(Self::Growing),
            _ => Duration::read(node, cx).map(Self::Constant),
        }
    }

    fn schema(defs: &mut Defs) -> Json {
        json!({"oneOf": [Duration::schema(defs), GrowingShape::schema(defs)]})
    }
}

/// The queues of a model; notes what does not fit together.
pub(crate) fn resolve(
    shapes: Named<MessageQueueShape>,
    services: &[Service],
    names: &Names,
    cx: &mut Reader<'_>,
) -> Vec<MessageQueue> {
    let mut queues = Vec::with_capacity(shapes.0.len());
    let mut dead_letters = Vec::with_capacity(shapes.0.len());
    for (name, shape) in shapes.0 {
        let Some(shape) = shape else {
            continue;
        };
        dead_letters.push(shape.dead_letter.clone());
        queues.extend(queue(name.value, shape, services, names, cx));
    }
    // Indices only mean something when all are there.
    if queues.len() == dead_letters.len() {
        for (number, word) in dead_letters.iter().enumerate() {
            if let Some(word) = word
                && goes_round(&queues, number)
            {
                cx.problem(word.span, "dead letters go round in a circle")
                    .help("let the last queue of them have no `dead_letter`, and so keep or count them");
            }
        }
    }
    queues
}

/// Whether the dead letters of a queue come back to it.
fn goes_round(queues: &[MessageQueue], start: QueueId) -> bool {
    let mut at = queues[start].dead_letter;
    for _ in queues {
        match at {
            Some(queue) if queue == start => return true,
            Some(queue) => at = queues.get(queue).and_then(|queue| queue.dead_letter),
            None => return false,
        }
    }
    false
}

fn queue(
    name: String,
    shape: MessageQueueShape,
    services: &[Service],
    names: &Names,
    cx: &mut Reader<'_>,
) -> Option<MessageQueue> {
    let before = cx.problems.len();
    let words = match (shape.consumer, shape.consumers) {
        (Some(one), _) => vec![one],
        (None, several) => several.map_or_else(Vec::new, |several| several.value.0),
    };
    if let Some(word) = words.get(MOST_GROUPS) {
        let message = format!("a queue has at most {MOST_GROUPS} groups of consumers");
        cx.problem(word.span, message);
    }
    let consumers: Vec<Target> = words
        .iter()
        .filter_map(|word| names.target(word, cx))
        .collect();
    let broker = shape.broker.map(|word| {
        let service = names.service(&word, cx)?;
        if names.is_autoscaled(service) {
            cx.problem(
                word.span,
                "the partitions of a queue do not move between brokers that come and go",
            )
            .help("name a service without `autoscale`");
        }
        Some(service)
    });
    let mut made = MessageQueue {
        name,
        broker: broker.flatten(),
        dead_letter: None,
        ..usual(
            shape.preset.as_ref().map(|preset| &preset.value),
            workers(&consumers, services),
        )
    };
    made.consumers = consumers;
    if let Some(word) = &shape.dead_letter {
        made.dead_letter = Some(names.queue(word, cx)?);
    }
    if let Some(partitions) = shape.partitions {
        made.partitions = partitions.0;
    }
    match shape.sharing.map(|sharing| sharing.value) {
        None => {}
        Some(SharingShape::Competing) => made.sharing = Sharing::Competing,
        Some(SharingShape::Exclusive(how)) => {
            made.sharing = Sharing::Exclusive {
                rebalance: how.rebalance.value,
            };
        }
    }
    if let Some(capacity) = shape.capacity {
        made.capacity = capacity.0.map(|capacity| capacity.0.into());
        if made
            .capacity
            .is_some_and(|most| most < made.partitions.into())
        {
            let partitions = made.partitions;
            cx.problem(
                capacity.span,
                format!("not every one of the {partitions} partitions can hold a message"),
            )
            .help(format!("make `capacity` {partitions} or more"));
        }
    }
    if let Some(word) = shape.when_full {
        made.when_full = match word.value {
            WhenFullWord::Refuse => WhenFull::Refuse,
            WhenFullWord::Block => WhenFull::Block,
            WhenFullWord::DropOldest => WhenFull::DropOldest,
        };
    }
    if let Some(prefetch) = shape.prefetch {
        made.prefetch = prefetch.0;
    }
    if let Some(timeout) = shape.ack_timeout {
        made.ack_timeout = timeout.0.map_or(Duration::MAX, |timeout| timeout.0);
    }
    if let Some(most) = shape.max_deliveries {
        made.max_deliveries = most.0.map(|most| most.0);
    }
    if let (Some(word), None) = (&shape.dead_letter, made.max_deliveries) {
        cx.problem(word.span, "no message becomes a dead letter")
            .help("add `max_deliveries`, such as `max_deliveries: 5`");
    }
    if let Some(redelivery) = shape.redelivery {
        made.redelivery = resolve_redelivery(redelivery.value, cx);
    }
    if let Some(producer) = shape.producer {
        let producer = producer.value;
        let own = &mut made.producer;
        own.timeout = producer.timeout.map_or(own.timeout, |t| t.0);
        own.retries = producer.retries.map_or(own.retries, |n| n.0);
        own.idempotent = producer.idempotent.map_or(own.idempotent, |yes| yes.value);
        own.wait = producer.wait.map_or(own.wait, |yes| yes.value);
    }
    if let Some(force) = shape.force {
        made.force = force.value;
    }
    if let Some(window) = shape.deduplicate_for {
        made.deduplicate_for = window.value;
    }
    if let Some(requeue) = shape.requeue {
        if !requeue.value && made.ack_timeout == Duration::MAX {
            cx.problem(
                requeue.span,
                "what a crashed consumer had would never be delivered again",
            )
            .help("add an `ack_timeout`, or take `requeue` out");
        }
        made.requeue = requeue.value;
    }
    if let Some(poison) = shape.poison {
        made.poison = poison.0;
    }
    cx.clean_since(before).then_some(made)
}

/// The most that an instance of any of the consumers does at once.
fn workers(consumers: &[Target], services: &[Service]) -> u32 {
    let services = consumers.iter().filter_map(|c| services.get(c.service));
    services.map(|service| service.workers).max().unwrap_or(1)
}

/// What counts where nothing is written. Where a product has no bound, there is none here.
fn usual(preset: Option<&PresetWord>, workers: u32) -> MessageQueue {
    let own = MessageQueue {
        name: String::new(),
        broker: None,
        consumers: Vec::new(),
        partitions: 1,
        sharing: Sharing::Competing,
        capacity: None,
        when_full: WhenFull::Refuse,
        prefetch: workers,
        ack_timeout: Duration::from_secs(30),
        max_deliveries: None,
        dead_letter: None,
        redelivery: constant(Duration::ZERO),
        producer: Producer {
            timeout: Duration::from_secs(1),
            retries: 3,
            idempotent: false,
            wait: true,
        },
        force: Distribution::Constant(Duration::ZERO),
        deduplicate_for: Duration::ZERO,
        requeue: true,
        poison: 0.0,
    };
    match preset {
        None => own,
        // VisibilityTimeout 30 s, MaxNumberOfMessages 1, no redrive policy; a message that was not
        // deleted shows up again when its visibility timeout is over, whatever became of its
        // consumer. Three attempts of the SDK's standard mode.
        Some(PresetWord::Sqs) => MessageQueue {
            prefetch: 1,
            redelivery: constant(Duration::from_secs(30)),
            requeue: false,
            producer: Producer {
                retries: 2,
                ..own.producer
            },
            ..own
        },
        // num.partitions 1, session.timeout.ms 45 s, max.poll.interval.ms 5 min, max.poll.records 500,
        // enable.idempotence, request.timeout.ms 30 s as often as delivery.timeout.ms 2 min allows.
        Some(PresetWord::Kafka) => MessageQueue {
            sharing: Sharing::Exclusive {
                rebalance: Duration::from_secs(45),
            },
            prefetch: 500,
            ack_timeout: Duration::from_secs(300),
            producer: Producer {
                timeout: Duration::from_secs(30),
                retries: 3,
                idempotent: true,
                wait: true,
            },
            ..own
        },
        // Quorum queues: consumer_timeout 30 min; delivery-limit 20, and a message is dead once it came
        // back more often than that; overflow drop-head; no bound on prefetch.
        Some(PresetWord::Rabbitmq) => MessageQueue {
            prefetch: u32::MAX,
            ack_timeout: Duration::from_secs(1_800),
            max_deliveries: Some(21),
            when_full: WhenFull::DropOldest,
            ..own
        },
    }
}

const fn constant(delay: Duration) -> Redelivery {
    Redelivery {
        initial: delay,
        factor: 1.0,
        max: delay,
    }
}

fn resolve_redelivery(shape: RedeliveryShape, cx: &mut Reader<'_>) -> Redelivery {
    let growing = match shape {
        RedeliveryShape::Constant(delay) => return constant(delay),
        RedeliveryShape::Growing(growing) => growing,
    };
    if growing.factor.0 < 1.0 {
        cx.problem(growing.factor.span, "a delay does not shrink")
            .help("write a factor of 1 or more");
    }
    if growing.max.value < growing.initial.value {
        cx.problem(growing.max.span, "`max` is below `initial`");
    }
    Redelivery {
        initial: growing.initial.value,
        factor: growing.factor.0,
        max: growing.max.value,
    }
}
