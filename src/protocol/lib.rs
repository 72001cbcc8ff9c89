//! Distributed protocols without I/O: messages, timers and finished log writes go in as arguments;
//! messages, timers and log records come out.
//!
//! This crate refuses to know the network that carries its messages, the disk that keeps its log
//! and the clock that fires its timers, so that the same state machine serves a live process and a
//! simulated one. A protocol here is a set of machines, one per role, and a checker that stands
//! outside of them: it hears what each site logged, sent and decided, and knows nothing of how the
//! machines came to it.
//!
//! | module | protocol | source |
//! | --- | --- | --- |
//! | [`broker`] | message queues: logs, groups, acknowledgements, dead letters | AMQP 0-9-1; Kafka; SQS |
//! | [`deploy`] | rolls, detectors, the way back | Beyer et al., The Site Reliability Workbook 2018 |
//! | [`discovery`] | health checks; leases; gossip | HAProxy; Eureka 1.10; Das, Gupta, Motivala 2002 |
//! | [`two_phase_commit`] | atomic commitment, presumed abort | Mohan, Lindsay, Obermarck 1986 |
//! | [`saga`] | steps that are compensated | Garcia-Molina, Salem 1987 |
//! | [`tcc`] | reservations that expire | Pardon, Pautasso 2011 |

pub mod broker;
pub mod deploy;
pub mod discovery;
pub mod replication;
pub mod saga;
pub mod tcc;
pub mod transaction;
pub mod two_phase_commit;
