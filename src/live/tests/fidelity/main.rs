//! The same calls, recorded, through a bare pipeline and through the tower layer: the same
//! decisions at the same times.
//!
//! # What is compared
//! Every decision to send, to cancel and to finish, with its time in nanoseconds, its call, its
//! attempt, its instance and its outcome, in the order in which it was made. Also what the caller
//! got. Nothing is rounded before the comparison, and nothing but ties is sorted.
//!
//! # What "the same time" means
//! tokio's timers fall due at whole milliseconds, never early. The bare driver therefore rounds the
//! deadlines of its timers up to whole milliseconds, too; recorded times are whole milliseconds. A
//! trace of which the policy sets whole milliseconds only needs no rounding: such policies are
//! also compared with a bare driver of exact timers.
//!
//! # Ties
//! Two things that happen within one millisecond have no order that a live service promises. Times
//! are seconds to minutes here, so that this is rare; a trace in which the bare driver meets a tie
//! is left out, and a test fails if it leaves out more than one in ten. Where a policy makes ties by
//! itself (calls that wait for the next window), what happens at one moment is put into the order of
//! the calls before it is compared.

mod bare;
mod policies;
mod runs;
mod trace;
mod under_tokio;
