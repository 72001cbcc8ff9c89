//! Distributed protocols without I/O: messages, timers and random numbers go in as arguments;
//! messages, timers and log records come out.
//!
//! This crate refuses to know the network that carries its messages and the clock that fires its
//! timers, so that the same state machine serves a live process and a simulated one.
