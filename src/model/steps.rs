//! What a handler does: the steps of an endpoint.

use crate::names::Names;
use crate::quantity::{Count, Number, Ratio};
use crate::reader::{At, List, Reader, Value, did_you_mean, listed};
use crate::schema::Defs;
use crate::shape::{not_supported, record};
use crate::tree::{Kind, Node, shortened};
use crate::types::{Distribution, Step as ModelStep};
use serde_json::{Value as Json, json};

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

const WORDS: [&str; 7] = [
    "compute", "wait", "call", "parallel", "choose", "repeat", "fail",
];
const LATER: [&str; 5] = ["cache", "publish", "transaction", "read", "write"];

impl Value for Step {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        let Kind::Map(entries) = &node.kind else {
            cx.expected("a step", node)
                .help(format!("a step is a map with one of {}", listed(WORDS)));
            return None;
        };
        if let Some((key, _)) = entries
            .iter()
            .find(|(key, _)| LATER.contains(&key.text.as_str()))
        {
            not_supported(&key.text, key.span, cx);
            return None;
        }
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
        defs.named("Step", |defs| {
            let kinds = [
                ComputeStep::schema(defs),
                WaitStep::schema(defs),
                CallStep::schema(defs),
                ParallelStep::schema(defs),
                ChooseStep::schema(defs),
                RepeatStep::schema(defs),
                FailStep::schema(defs),
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

/// Finds whom the steps call, and by which policy.
pub(crate) fn resolve_steps(
    steps: List<Step>,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Vec<ModelStep> {
    steps
        .0
        .into_iter()
        .filter_map(|step| resolve_step(step, names, cx))
        .collect()
}

fn resolve_step(step: Step, names: &Names, cx: &mut Reader<'_>) -> Option<ModelStep> {
    Some(match step {
        Step::Compute(step) => ModelStep::Compute(step.compute.value),
        Step::Wait(step) => ModelStep::Wait(step.wait.value),
        Step::Call(step) => {
            let target = names.target(&step.call, cx);
            let policy = step.policy.as_ref().map(|policy| names.policy(policy, cx));
            ModelStep::Call {
                optional: false,
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
                .map(|branch| resolve_steps(branch, names, cx))
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
                    resolve_steps(alternative.steps.value, names, cx),
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
                steps: resolve_steps(rounds.steps.value, names, cx),
            }
        }
        Step::Fail(step) => ModelStep::Fail(step.fail.0),
    })
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
            Step::Compute(_) | Step::Wait(_) | Step::Fail(_) => {}
        }
    }
}
