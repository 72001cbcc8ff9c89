//! What a handler does: the steps of an endpoint.

use crate::names::Names;
use crate::problem::Span;
use crate::quantity::{Count, Number, PositiveDuration, Ratio};
use crate::reader::{At, List, Reader, Value, did_you_mean, listed};
use crate::schema::Defs;
use crate::shape::record;
use crate::stores::{check_owner, table};
use crate::transactions::{self, TransactionStep};
use crate::tree::{Kind, Node, shortened};
use crate::types::{Cache, CacheContent, Distribution, Keys, ServiceId, Step as ModelStep};
use clock::Duration;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// How deep steps may be nested.
const MAX_DEPTH: u32 = 32;
/// How many steps a model may have.
const MAX_STEPS: u32 = 100_000;

/// One step: a map whose kind is one of its keys.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Compute(ComputeStep),
    Wait(WaitStep),
    Call(CallStep),
    Parallel(ParallelStep),
    Choose(ChooseStep),
    Repeat(RepeatStep),
    Fail(FailStep),
    Read(ReadStep),
    Write(WriteStep),
    Transaction(Box<TransactionStep>),
    Publish(PublishStep),
    Cache(CacheStep),
}

record! {
    /// Work that needs a worker.
    ComputeStep {
        /// How long it takes.
        required compute: Distribution,
    }
}

record! {
    /// Time that passes without work; a `blocking` handler holds its worker.
    WaitStep {
        /// How long it takes.
        required wait: Distribution,
    }
}

record! {
    /// A call of another endpoint; the handler fails when the call does.
    CallStep {
        /// Whom: SERVICE.ENDPOINT.
        required call: String,
        /// The policy around the call; with none it is sent once, and waits for ever.
        optional policy: String,
        /// The handler can do without: a `degrade` of its service skips the step, and its failure
        /// is not the handler's. Either way the answer is degraded.
        default optional: bool = "false",
    }
}

record! {
    /// Branches at the same time.
    ParallelStep {
        /// Lists of steps.
        required parallel: List<List<Step>, 1>,
        /// Goes on when so many have succeeded, fails when that has become impossible; all when absent.
        optional require: Count<1, 100_000>,
    }
}

record! {
    /// One alternative, by weight.
    ChooseStep {
        /// The alternatives.
        required choose: List<Alternative, 1>,
    }
}

record! {
    /// One of several alternatives.
    Alternative {
        /// Its share of the sum of weights.
        required weight: Number,
        /// What is done.
        required steps: List<Step>,
    }
}

record! {
    /// The same steps several times, one round after the other.
    RepeatStep {
        /// What, and how often.
        required repeat: Rounds,
    }
}

record! {
    /// Rounds of the same steps.
    Rounds {
        /// How many rounds.
        required times: Count<0, 1_000_000>,
        /// One round.
        required steps: List<Step>,
    }
}

record! {
    /// The handler fails with this probability.
    FailStep {
        /// The probability.
        required fail: Ratio,
    }
}

record! {
    /// Reads the request's record of a table, and remembers which version it was. Takes no time of
    /// its own.
    ReadStep {
        /// Which: STORE.TABLE.
        required read: String,
        /// At the owner's, where the store has copies.
        default fresh: bool = "false",
    }
}

record! {
    /// Writes the request's record of a table; only the store's owner may. Takes no time of its own.
    WriteStep {
        /// Which: STORE.TABLE.
        required write: String,
        /// The handler fails with `conflict` when another write came after its `read` of the table.
        default if_unchanged: bool = "false",
        /// Nothing is written where the request's order has written the table before.
        default once: bool = "false",
    }
}

record! {
    /// Publishes a message; the handler fails when the queue does not take it.
    PublishStep {
        /// To which queue.
        required publish: String,
    }
}

record! {
    /// Looks something up in a cache of the instance.
    CacheStep {
        /// What is in it, and what is done when it is not.
        required cache: CacheShape,
    }
}

record! {
    /// A cache: each instance has one for each such step, empty after a start. Looking takes no time.
    CacheShape {
        /// A lookup hits with this probability, whatever it looks for.
        optional hit_ratio: Ratio,
        /// A lookup hits when its key is there; the least recently used key leaves first.
        optional keys: CacheKeys,
        /// After a start, `hit_ratio` is reached in a straight line over so many lookups.
        optional warm_after: Count<0, 1_000_000_000>,
        /// How long a key stays; as long as there is room when absent.
        optional ttl: PositiveDuration,
        /// How many keys; unbounded when absent.
        optional capacity: Count<0, 1_000_000_000>,
        /// What is done on a miss, nothing when absent; when it succeeds, the key is there.
        optional miss: List<Step>,
    }
    one_of { "hit_ratio", "keys" }
}

record! {
    /// What is looked up.
    CacheKeys {
        /// One of so many keys, drawn for each lookup; the key of the request when absent.
        optional count: Count<1, 1_000_000_000>,
        /// The share of the k-th key is proportional to `k^-zipf`; 0: all alike.
        optional zipf: Number,
    }
    needs { "zipf" => "count" }
}

const WORDS: [&str; 12] = [
    "compute",
    "wait",
    "call",
    "parallel",
    "choose",
    "repeat",
    "fail",
    "read",
    "write",
    "publish",
    "cache",
    "transaction",
];

impl Value for Step {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Kind::Map(_) = &node.kind else {
            cx.expected("a step", node)
                .help(format!("a step is a map with one of {}", listed(WORDS)));
            return None;
        };
        cx.steps += 1;
        if cx.steps > MAX_STEPS {
            if cx.steps == MAX_STEPS + 1 {
                cx.problem(
                    node.span,
                    format!("the model has more than {MAX_STEPS} steps"),
                );
            }
            return None;
        }
        if cx.depth >= MAX_DEPTH {
            cx.problem(
                node.span,
                format!("steps are nested more than {MAX_DEPTH} deep"),
            );
            return None;
        }
        cx.depth += 1;
        let step = Self::read_kind(node, cx);
        cx.depth -= 1;
        step
    }

    fn schema(defs: &mut Defs) -> Json {
        defs.named::<Self>("Step", |defs| {
            let kinds = [
                ComputeStep::schema(defs),
                WaitStep::schema(defs),
                CallStep::schema(defs),
                ParallelStep::schema(defs),
                ChooseStep::schema(defs),
                RepeatStep::schema(defs),
                FailStep::schema(defs),
                ReadStep::schema(defs),
                WriteStep::schema(defs),
                TransactionStep::schema(defs),
                PublishStep::schema(defs),
                CacheStep::schema(defs),
            ];
            json!({"description": "One step of a handler.", "oneOf": kinds})
        })
    }
}

impl Step {
    fn read_kind(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            return None;
        };
        let mut kinds = entries
            .iter()
            .filter(|(key, _)| WORDS.contains(&key.text.as_str()));
        let (kind, second) = (kinds.next(), kinds.next());
        if let (Some((first, _)), Some((second, _))) = (kind, second) {
            cx.problem(
                second.span,
                format!("a step is one thing: `{}` or `{}`", first.text, second.text),
            )
            .help("begin a new step with `-`")
            .note(first.span, "the step begins here");
            return None;
        }
        match kind.map(|(key, _)| key.text.as_str()) {
            Some("compute") => ComputeStep::read(node, cx).map(Self::Compute),
            Some("wait") => WaitStep::read(node, cx).map(Self::Wait),
            Some("call") => CallStep::read(node, cx).map(Self::Call),
            Some("parallel") => {
                let step = ParallelStep::read(node, cx)?;
                if let Some(require) = step.require
                    && let Some(Kind::List(branches)) = node.get("parallel").map(|n| &n.kind)
                    && require.0 as usize > branches.len()
                {
                    let number = branches.len();
                    cx.problem(
                        require.span,
                        format!("`require` is more than the number of branches, which is {number}"),
                    );
                }
                Some(Self::Parallel(step))
            }
            Some("choose") => {
                let step = ChooseStep::read(node, cx)?;
                let sum: f64 = step
                    .choose
                    .0
                    .iter()
                    .map(|alternative| alternative.weight.0)
                    .sum();
                let usable = sum > 0.0 && sum.is_finite();
                if !usable && !step.choose.0.is_empty() {
                    cx.problem(
                        node.span,
                        format!("the weights must have a sum above 0, and have {sum}"),
                    );
                }
                Some(Self::Choose(step))
            }
            Some("repeat") => RepeatStep::read(node, cx).map(Self::Repeat),
            Some("fail") => FailStep::read(node, cx).map(Self::Fail),
            Some("read") => ReadStep::read(node, cx).map(Self::Read),
            Some("write") => WriteStep::read(node, cx).map(Self::Write),
            Some("transaction") => Value::read(node, cx).map(Self::Transaction),
            Some("publish") => PublishStep::read(node, cx).map(Self::Publish),
            Some("cache") => CacheStep::read(node, cx).map(Self::Cache),
            _ => {
                match entries.first() {
                    Some((key, _)) => {
                        let help = did_you_mean(&key.text, WORDS, "steps are", "");
                        let message = format!("unknown step `{}`", shortened(&key.text));
                        cx.problem(key.span, message).help(help)
                    }
                    None => cx
                        .expected("a step", node)
                        .help(format!("steps are {}", listed(WORDS))),
                };
                None
            }
        }
    }
}

/// Finds whom the steps of an endpoint call, by which policy, and what they read and write.
pub(crate) fn resolve_steps(
    steps: List<Step>,
    service: ServiceId,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Vec<ModelStep> {
    check_unchanged(&steps.0, &mut BTreeSet::new(), cx);
    Handler { service, names }.steps(steps, cx)
}

/// Whose steps they are, and what they may name.
struct Handler<'n> {
    service: ServiceId,
    names: &'n Names,
}

impl Handler<'_> {
    fn steps(&self, steps: List<Step>, cx: &mut Reader<'_>) -> Vec<ModelStep> {
        steps
            .0
            .into_iter()
            .filter_map(|step| self.step(step, cx))
            .collect()
    }

    fn step(&self, step: Step, cx: &mut Reader<'_>) -> Option<ModelStep> {
        let names = self.names;
        Some(match step {
            Step::Compute(step) => ModelStep::Compute(step.compute.value),
            Step::Wait(step) => ModelStep::Wait(step.wait.value),
            Step::Call(step) => {
                let target = names.target(&step.call, cx);
                let policy = step.policy.as_ref().map(|policy| names.policy(policy, cx));
                ModelStep::Call {
                    optional: *step.optional,
                    target: target?,
                    policy: policy.flatten(),
                }
            }
            Step::Parallel(step) => {
                let branches: Vec<_> = step
                    .parallel
                    .value
                    .0
                    .into_iter()
                    .map(|branch| self.steps(branch, cx))
                    .collect();
                let require = step
                    .require
                    .map_or(branches.len() as u32, |require| require.0);
                ModelStep::Parallel { branches, require }
            }
            Step::Choose(step) => {
                let resolve = |alternative: Alternative, cx: &mut Reader<'_>| {
                    (
                        alternative.weight.0,
                        self.steps(alternative.steps.value, cx),
                    )
                };
                ModelStep::Choose(
                    step.choose
                        .value
                        .0
                        .into_iter()
                        .map(|a| resolve(a, cx))
                        .collect(),
                )
            }
            Step::Repeat(step) => {
                let rounds = step.repeat.value;
                ModelStep::Repeat {
                    times: rounds.times.0,
                    steps: self.steps(rounds.steps.value, cx),
                }
            }
            Step::Fail(step) => ModelStep::Fail(step.fail.0),
            Step::Transaction(step) => {
                ModelStep::Transaction(Box::new(transactions::resolve(*step, names, cx)?))
            }
            Step::Read(step) => ModelStep::Read {
                table: table(&step.read, names, cx)?,
                fresh: *step.fresh,
            },
            Step::Publish(step) => ModelStep::Publish(names.queue(&step.publish, cx)?),
            Step::Cache(step) => {
                let cache = step.cache.value;
                let content = content(&cache, cx);
                ModelStep::Cache(Box::new(Cache {
                    content,
                    ttl: cache.ttl.map_or(Duration::MAX, |ttl| ttl.0),
                    miss: cache
                        .miss
                        .map_or_else(Vec::new, |miss| self.steps(miss.value, cx)),
                }))
            }
            Step::Write(step) => {
                let table = table(&step.write, names, cx)?;
                check_owner(&step.write, table.store, self.service, names, cx);
                if *step.once {
                    check_effect(&step, names, cx);
                }
                ModelStep::Write {
                    table,
                    if_unchanged: *step.if_unchanged,
                    once: *step.once,
                }
            }
        })
    }
}

impl CacheStep {
    fn miss(&self) -> &[Step] {
        self.cache.miss.as_ref().map_or(&[], |miss| &miss.0)
    }
}

/// What is in a cache; notes what goes with the other kind.
fn content(cache: &CacheShape, cx: &mut Reader<'_>) -> CacheContent {
    let mut refuse = |span: Option<Span>, key: &str, with: &str| {
        if let Some(span) = span {
            cx.problem(span, format!("`{key}` goes with `{with}`"));
        }
    };
    match (&cache.hit_ratio, &cache.keys) {
        (Some(ratio), _) => {
            refuse(cache.ttl.as_ref().map(|at| at.span), "ttl", "keys");
            refuse(
                cache.capacity.as_ref().map(|at| at.span),
                "capacity",
                "keys",
            );
            CacheContent::HitRatio {
                ratio: ratio.0,
                warm_after: cache.warm_after.as_ref().map_or(0, |after| after.0),
            }
        }
        (None, keys) => {
            let warm = cache.warm_after.as_ref().map(|at| at.span);
            refuse(warm, "warm_after", "hit_ratio");
            CacheContent::Keys {
                drawn: keys.as_ref().and_then(|keys| {
                    Some(Keys {
                        count: keys.count.as_ref()?.0,
                        zipf: keys.zipf.as_ref().map_or(0.0, |zipf| zipf.0),
                    })
                }),
                capacity: cache.capacity.as_ref().map(|capacity| capacity.0),
            }
        }
    }
}

/// Notes a write that is to happen once for each order, where no order knows of it.
fn check_effect(step: &WriteStep, names: &Names, cx: &mut Reader<'_>) {
    let Some(effects) = &names.effects else {
        return;
    };
    if !effects.contains(&step.write.value) {
        let table = shortened(&step.write);
        let message = format!("no order has `{table}` among its effects");
        cx.problem(step.once.span, message).help(format!(
            "orders are followed where the model says so: \
             `orders: {{workload: …, effects: [{table}]}}`"
        ));
    }
}

/// Notes conditional writes before which their handler cannot have read the table. `read` has the
/// tables that it may have read before these steps, and after them.
fn check_unchanged<'s>(steps: &'s [Step], read: &mut BTreeSet<&'s str>, cx: &mut Reader<'_>) {
    for step in steps {
        match step {
            Step::Read(step) => {
                read.insert(&step.read);
            }
            Step::Write(step) if *step.if_unchanged && !read.contains(step.write.as_str()) => {
                let table = shortened(&step.write);
                cx.problem(
                    step.if_unchanged.span,
                    format!("nothing has read `{table}` before this write"),
                )
                .help(format!(
                    "put `- read: {table}` before it, in the same endpoint"
                ));
            }
            Step::Choose(step) => {
                let before = read.clone();
                for alternative in &step.choose.0 {
                    let mut here = before.clone();
                    check_unchanged(&alternative.steps.0, &mut here, cx);
                    read.extend(here);
                }
            }
            // What one branch or round reads, another one may have read before.
            Step::Parallel(step) => {
                for branch in &step.parallel.0 {
                    reads(&branch.0, read);
                }
                for branch in &step.parallel.0 {
                    check_unchanged(&branch.0, read, cx);
                }
            }
            // Whether it is looked for is not known: what a miss reads may have been read.
            Step::Cache(step) => check_unchanged(step.miss(), read, cx),
            Step::Repeat(step) => {
                reads(&step.repeat.steps.0, read);
                check_unchanged(&step.repeat.steps.0, read, cx);
            }
            _ => {}
        }
    }
}

/// Adds the tables that any of the steps reads.
fn reads<'s>(steps: &'s [Step], found: &mut BTreeSet<&'s str>) {
    for step in steps {
        match step {
            Step::Read(step) => {
                found.insert(&step.read);
            }
            Step::Parallel(step) => step.parallel.0.iter().for_each(|b| reads(&b.0, found)),
            Step::Choose(step) => step.choose.0.iter().for_each(|a| reads(&a.steps.0, found)),
            Step::Repeat(step) => reads(&step.repeat.steps.0, found),
            Step::Cache(step) => reads(step.miss(), found),
            _ => {}
        }
    }
}

/// The calls in the order of the file, with where they stand, for messages about several of them.
pub(crate) fn calls<'s>(steps: &'s [Step], found: &mut Vec<&'s At<String>>) {
    for step in steps {
        match step {
            Step::Call(step) => found.push(&step.call),
            Step::Parallel(step) => step
                .parallel
                .0
                .iter()
                .for_each(|branch| calls(&branch.0, found)),
            Step::Choose(step) => step.choose.0.iter().for_each(|a| calls(&a.steps.0, found)),
            Step::Repeat(step) => calls(&step.repeat.steps.0, found),
            Step::Transaction(step) => found.extend(step.targets()),
            Step::Cache(step) => calls(step.miss(), found),
            Step::Compute(_)
            | Step::Wait(_)
            | Step::Fail(_)
            | Step::Read(_)
            | Step::Write(_)
            | Step::Publish(_) => {}
        }
    }
}
