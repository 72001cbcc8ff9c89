//! What must hold for every model, whatever it says: calls end once and none is forgotten, numbers
//! stay within their bounds, the world's books balance, and the same seed gives the same run.

use super::generator::{TRACE, TRACE_FILE};
use super::ledger::Ledger;
use super::ways::Ways;
use clock::Instant;
use model::{Files, Loaded, Model};
use std::io;
use stormglass_cluster::{Ended, Limits, Link, Reason, World};

/// The files that generated models name.
pub(crate) struct Trace;

impl Files for Trace {
    fn read(&self, path: &str) -> io::Result<String> {
        if path == TRACE_FILE {
            return Ok(TRACE.to_owned());
        }
        Err(io::ErrorKind::NotFound.into())
    }
}

/// In how many pieces a run is looked at.
const PIECES: u64 = 16;

/// Reads a generated model.
///
/// # Errors
/// With what is wrong with it.
pub(crate) fn read(text: &str) -> Result<Loaded, String> {
    model::read(text, "random.yaml", &Trace, &[])
        .map_err(|report| format!("a model that can not be read:\n{report}\n{text}"))
}

/// Runs a model within these limits, in pieces and at once.
///
/// # Errors
/// With what does not hold.
pub(crate) fn check(model: &Model, limits: &Limits) -> Result<Reason, String> {
    let seed = model.run.seed;
    let end = Instant::ZERO + model.run.duration;
    let (pieces, ended) = in_pieces(model, seed, limits)?;
    let mut world = World::new(model, seed, 0);
    let mut ledger = Ledger::new(model, world.edges().len());
    let at_once = world.run(&mut ledger, end, limits);
    judge(&world, &ledger, &at_once)?;
    followed(model, limits, &at_once)?;
    // A piece gives a standstill its steps anew, and looks at the number of events at its ends.
    let comparable = at_once.reason == Reason::Finished && ended.reason == Reason::Finished;
    if comparable && (at_once.fingerprint, at_once.events) != (ended.fingerprint, ended.events) {
        return Err(format!(
            "another run in {pieces} pieces: {at_once:?}, {ended:?}"
        ));
    }
    // Nobody listens: neither to causes nor to anything else.
    let unheard = World::new(model, seed, 0).run(&mut (), end, limits);
    if unheard.fingerprint != at_once.fingerprint || unheard.events != at_once.events {
        return Err(format!(
            "another run where nobody listens: {at_once:?}, {unheard:?}"
        ));
    }
    let (_, again) = in_pieces(model, seed, limits)?;
    if again != ended {
        return Err(format!("the same run differs: {ended:?}, then {again:?}"));
    }
    Ok(ended.reason)
}

/// The same run with every request followed: that changes nothing, and what is told is possible.
fn followed(model: &Model, limits: &Limits, without: &Ended) -> Result<(), String> {
    let mut world = World::new(model, model.run.seed, 0);
    let mut ways = Ways::default();
    let ended = world.run(&mut ways, Instant::ZERO + model.run.duration, limits);
    if ended != *without {
        return Err(format!("who follows changes it: {without:?}, {ended:?}"));
    }
    for edge in 0..world.edges().len() {
        let (held, heard) = (world.in_flight(edge), ways.in_flight(edge));
        if held != heard {
            let told = format!("edge {edge}: {held} calls in flight, but {heard} were followed");
            ways.wrong.push(told);
        }
    }
    if ways.wrong.is_empty() {
        return Ok(());
    }
    Err(ways.wrong.join("\n"))
}

fn in_pieces(model: &Model, seed: u64, limits: &Limits) -> Result<(u64, Ended), String> {
    let mut world = World::new(model, seed, 0);
    let mut ledger = Ledger::new(model, world.edges().len());
    for piece in 1.. {
        let share = model.run.duration.as_nanos() as u128 * u128::from(piece) / u128::from(PIECES);
        let ended = world.run(&mut ledger, Instant::from_nanos(share as u64), limits);
        judge(&world, &ledger, &ended)?;
        if piece == PIECES || ended.reason != Reason::Finished {
            return Ok((piece, ended));
        }
    }
    unreachable!("the pieces end")
}

fn judge(world: &World, ledger: &Ledger, ended: &Ended) -> Result<(), String> {
    let mut wrong = ledger.wrong.clone();
    let chains = world.chains().expect("the ledger asks for causes");
    for chain in &ledger.chains {
        let links: Vec<_> = chains.links(*chain).collect();
        if links.is_empty() || links.contains(&Link::Unknown) {
            wrong.push(format!("nobody knows why a request failed: {links:?}"));
            break;
        }
    }
    wrong.extend(
        ended
            .violations
            .iter()
            .map(|violation| format!("{violation:?}")),
    );
    for (number, edge) in ledger.edges.iter().enumerate() {
        let held = world.in_flight(number);
        if edge.started != edge.ended + edge.lost + held {
            wrong.push(format!("edge {number} holds {held} calls, but {edge:?}"));
        }
    }
    if let Some((placed, states)) = ledger
        .orders
        .map(|w| (ledger.edges[w].started, world.orders()))
        && states.map(|states| states.iter().sum::<u64>()) != Some(placed)
    {
        wrong.push(format!("{placed} orders are {states:?}"));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    Err(format!("after {ended:?}:\n{}", wrong.join("\n")))
}
