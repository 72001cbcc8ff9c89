//! What the simulated world does, by sums that are done by hand: every time is fixed, and every
//! expected time follows from the comment beside it or from the model.

mod abandoned;
mod admission;
mod autoscale;
mod balance;
mod caches;
mod causes;
mod changes;
mod conditions;
mod crash;
mod degrade;
mod deployments;
mod discovery;
mod ejection;
mod groups;
mod handlers;
mod hedges;
mod keys;
mod log;
mod network;
mod orders;
mod pause;
mod policies;
mod queues;
mod sagas;
mod sources;
mod stores;
mod transactions;
mod workers;
