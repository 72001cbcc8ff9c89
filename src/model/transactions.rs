//! The `transaction` step: who takes part, how the parts agree, and what goes with which protocol.

use crate::names::Names;
use crate::quantity::{Count, Number, PositiveDuration};
use crate::reader::{At, List, Reader, Value};
use crate::schema::Defs;
use crate::shape::{choice, record};
use crate::tree::{Kind, Node};
use crate::types::{
    Distribution, OnConflict, Participant, Target, Transaction, TransactionKeys,
    TransactionProtocol,
};
use clock::Duration;
use serde_json::{Value as Json, json};

record! {
    /// Several services commit or abort as one; the handler fails with `aborted` when they abort.
    TransactionStep {
        /// Who takes part, and how they agree.
        required transaction: TransactionShape,
    }
}

record! {
    /// Who takes part in a transaction, and how they agree.
    TransactionShape {
        /// How the parts agree.
        required protocol: AgreementWord,
        /// The parts: SERVICE.ENDPOINT, or a map of `work`, `undo` and `confirm`.
        required participants: List<Part, 1>,
        /// How long all votes (a saga's step, all tries) may take before the transaction aborts.
        default prepare_timeout: PositiveDuration = "1s",
        /// Between two asks of whoever waits for an outcome, an acknowledgement, a compensation.
        default retry_interval: PositiveDuration = "500ms",
        /// How long one forced write to the log takes.
        default force: Distribution = "0s",
        /// Of `two_phase_commit`: the service that coordinates; the handler's own instance when
        /// absent.
        optional coordinator: String,
        /// The keys that each participant locks; when absent the key of the request, where its
        /// workload has keys.
        optional keys: LockedKeys,
        /// What a participant does when another transaction holds a key.
        default on_conflict: ConflictWord = "abort",
        /// Of `two_phase_commit`: whether participants in doubt ask each other, too; false when
        /// absent.
        optional cooperative: bool,
        /// Of `tcc`: how long a participant keeps what it has reserved when it hears nothing; 10s
        /// when absent.
        optional reserved_for: PositiveDuration,
    }
}

choice! {
    /// How the parts of a transaction agree.
    "a protocol": AgreementWord {
        /// Prepare, then commit or abort; presumed abort.
        "two_phase_commit" => TwoPhaseCommit,
        /// One participant after the other; what was done is undone when a later one fails.
        "saga" => Saga,
        /// All try, then all confirm or cancel.
        "tcc" => Tcc,
    }
}

choice! {
    /// What a participant does when another transaction holds a key.
    "an answer to a conflict": ConflictWord {
        /// Votes against at once.
        "abort" => Abort,
        /// Waits for the key, first come, first served; time-outs end a deadlock.
        "wait" => Wait,
    }
}

record! {
    /// Keys that are drawn for each participant of each transaction.
    LockedKeys {
        /// How many there are.
        required count: Count<1, 1_000_000>,
        /// The share of the k-th key is proportional to k^-zipf; 0: all alike.
        default zipf: Number = "0",
        /// How many of them a participant locks; a key drawn twice is locked once.
        default each: Count<1, 1_000> = "1",
    }
}

record! {
    /// A part of a transaction.
    PartShape {
        /// What is done before the vote, as a saga's step, as a try: SERVICE.ENDPOINT.
        required work: String,
        /// What an abort of done work takes in `saga` and `tcc`; no work when absent. Not used by
        /// `two_phase_commit`.
        optional undo: String,
        /// What a commit takes in `tcc`; no work when absent. Not used by the others.
        optional confirm: String,
    }
}

/// A part of a transaction: its work alone, or with what undoes or confirms it.
#[derive(Clone, Debug)]
pub(crate) struct Part(PartShape);

impl Value for Part {
    fn read(node: &Node, cx: &mut Reader<'_>) -> Option<Self> {
        if let Kind::Map(_) = node.kind {
            return PartShape::read(node, cx).map(Self);
        }
        let work = Value::read(node, cx)?;
        Some(Self(PartShape {
            work,
            undo: None,
            confirm: None,
        }))
    }

    fn schema(defs: &mut Defs) -> Json {
        let (name, map) = (String::schema(defs), PartShape::schema(defs));
        json!({"oneOf": [name, map]})
    }
}

impl TransactionStep {
    /// What it names, in the order of the file.
    pub(crate) fn targets(&self) -> impl Iterator<Item = &At<String>> {
        self.transaction.participants.0.iter().flat_map(|part| {
            let rest = part.0.undo.iter().chain(&part.0.confirm);
            std::iter::once(&part.0.work).chain(rest)
        })
    }
}

/// The endpoints that a transaction may run, in the order of [`TransactionStep::targets`].
pub(crate) fn targets(transaction: &Transaction) -> impl Iterator<Item = Target> {
    let parts = transaction.participants.iter();
    parts.flat_map(|part| {
        let rest = part.undo.into_iter().chain(part.confirm);
        std::iter::once(part.work).chain(rest)
    })
}

/// Finds whom a transaction names, and notes what does not go with its protocol.
pub(crate) fn resolve(
    step: TransactionStep,
    names: &Names,
    cx: &mut Reader<'_>,
) -> Option<Transaction> {
    let shape = step.transaction.value;
    let word = &shape.protocol;
    // Where a key stands that only goes with other protocols, and those.
    let mut misplaced = |key: &str, at: Option<crate::problem::Span>, with: &str, help: &str| {
        if let Some(at) = at {
            cx.problem(at, format!("`{key}` goes with `protocol: {with}`"))
                .help(help)
                .note(word.span, "the protocol is chosen here");
        }
    };
    let (is_2pc, is_tcc) = match word.value {
        AgreementWord::TwoPhaseCommit => (true, false),
        AgreementWord::Saga => (false, false),
        AgreementWord::Tcc => (false, true),
    };
    if !is_2pc {
        let at = shape.coordinator.as_ref().map(|key| key.span);
        let help = "the handler's own instance coordinates: take it out";
        misplaced("coordinator", at, "two_phase_commit", help);
        let at = shape.cooperative.map(|key| key.span);
        let help = "no other participant waits in doubt: take it out";
        misplaced("cooperative", at, "two_phase_commit", help);
    }
    if !is_tcc {
        let at = shape.reserved_for.map(|key| key.span);
        let help = "nothing is reserved here: take it out";
        misplaced("reserved_for", at, "tcc", help);
    }
    let coordinator = shape
        .coordinator
        .as_ref()
        .map(|service| names.service(service, cx));
    let listed = shape.participants.value.0;
    let (number, parts) = (listed.len(), listed.into_iter());
    let participants: Vec<_> = parts
        .filter_map(|part| participant(part.0, names, cx))
        .collect();
    if participants.len() < number {
        return None;
    }
    Some(Transaction {
        protocol: match word.value {
            AgreementWord::TwoPhaseCommit => TransactionProtocol::TwoPhaseCommit {
                cooperative: shape.cooperative.is_some_and(|key| key.value),
            },
            AgreementWord::Saga => TransactionProtocol::Saga,
            AgreementWord::Tcc => TransactionProtocol::Tcc {
                reserved_for: shape
                    .reserved_for
                    .map_or(Duration::from_secs(10), |key| key.0),
            },
        },
        participants,
        coordinator: match coordinator {
            None => None,
            Some(found) => Some(found?),
        },
        prepare_timeout: shape.prepare_timeout.0,
        retry_interval: shape.retry_interval.0,
        force: shape.force.value,
        keys: match shape.keys {
            None => TransactionKeys::OfRequest,
            Some(keys) => TransactionKeys::Drawn {
                count: keys.count.0,
                zipf: keys.zipf.0,
                each: keys.each.0,
            },
        },
        on_conflict: match shape.on_conflict.value {
            ConflictWord::Abort => OnConflict::Abort,
            ConflictWord::Wait => OnConflict::Wait,
        },
    })
}

fn participant(part: PartShape, names: &Names, cx: &mut Reader<'_>) -> Option<Participant> {
    let work = names.target(&part.work, cx);
    let mut beside = |word: Option<At<String>>| -> Result<Option<Target>, ()> {
        let Some(word) = word else { return Ok(None) };
        let target = names.target(&word, cx).ok_or(())?;
        if let Some(work) = work
            && work.service != target.service
        {
            let service = names.service_name(work.service);
            cx.problem(
                word.span,
                format!("this is not an endpoint of `{service}`, where the work is done"),
            )
            .help(format!("what was done at `{service}` is ended there: let an endpoint of it `call` the other"))
            .note(part.work.span, "the work is done here");
        }
        Ok(Some(target))
    };
    let (undo, confirm) = (beside(part.undo), beside(part.confirm));
    Some(Participant {
        work: work?,
        undo: undo.ok()?,
        confirm: confirm.ok()?,
    })
}
