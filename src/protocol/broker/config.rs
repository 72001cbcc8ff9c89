//! How a broker treats messages. It refuses to know any product's name for it.

use clock::Duration;
use core::fmt;

/// How a broker treats messages.
#[derive(Clone, PartialEq, Debug)]
pub struct Config {
    /// How many groups of consumers there are, at least 1.
    pub groups: u32,
    /// Messages that are not over for all groups, at most; `None`: any number.
    pub capacity: Option<u64>,
    /// What becomes of one more.
    pub when_full: WhenFull,
    /// How the members of a group share partitions.
    pub sharing: Sharing,
    /// Messages that may be out at one consumer, at least 1.
    pub prefetch: u32,
    /// How long a delivery may take; [`Duration::MAX`]: for ever.
    pub ack_timeout: Duration,
    /// Deliveries after which a message is dead, at least 1; `None`: never.
    pub max_deliveries: Option<u32>,
    /// From a failed delivery to the next.
    pub backoff: Backoff,
    /// Messages that are tried again are known, and kept once.
    pub idempotent: bool,
    /// What was out at a consumer that has disconnected goes to another one at once; else after
    /// `ack_timeout`.
    pub requeue: bool,
    /// Messages that are over stay in the log, for [`Broker::replay`](super::Broker::replay).
    pub retain: bool,
}

/// How a group of consumers shares partitions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sharing {
    /// Every member takes from every partition.
    Competing,
    /// One member for each partition, one message after the other.
    Exclusive {
        /// How long nobody takes from a partition that moves to another member.
        rebalance: Duration,
    },
}

/// What becomes of a message when the queue is full.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhenFull {
    /// It is refused.
    Refuse,
    /// It waits for room, as long as its patience lasts.
    Block,
    /// The oldest message that is out nowhere is dropped; where there is none, it is refused.
    DropOldest,
}

/// From a failed delivery to the next: `initial`, then `factor` times as long each time, at most `max`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Backoff {
    /// After the first failure.
    pub initial: Duration,
    /// At least 1.
    pub factor: f64,
    /// The most.
    pub max: Duration,
}

impl Backoff {
    /// After so many failures, at least 1.
    pub(super) fn after(&self, failures: u32) -> Duration {
        // Whole powers by multiplication: the same bits on every machine. Beyond this many a factor
        // above 1 has long reached the most.
        const MOST: u32 = 2_000;
        let mut delay = self.initial;
        for _ in 1..failures.min(MOST) {
            if delay >= self.max || delay.is_zero() || self.factor == 1.0 {
                break;
            }
            delay = delay.mul_f64(self.factor);
        }
        delay.min(self.max)
    }
}

impl Default for Config {
    /// One group that competes without a bound on anything.
    fn default() -> Self {
        Self {
            groups: 1,
            capacity: None,
            when_full: WhenFull::Refuse,
            sharing: Sharing::Competing,
            prefetch: 1,
            ack_timeout: Duration::MAX,
            max_deliveries: None,
            backoff: Backoff {
                initial: Duration::ZERO,
                factor: 1.0,
                max: Duration::MAX,
            },
            idempotent: false,
            requeue: true,
            retain: false,
        }
    }
}

/// What is wrong with a configuration.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ConfigError {
    /// No group, no prefetch or no delivery at all.
    Nothing(&'static str),
    /// A back-off that shrinks, or is no number.
    Factor,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing(what) => write!(f, "`{what}` must be at least 1"),
            Self::Factor => f.write_str("the factor of the back-off must be at least 1"),
        }
    }
}

impl core::error::Error for ConfigError {}

impl Config {
    /// # Errors
    /// With what is out of range.
    pub(super) fn check(&self) -> Result<(), ConfigError> {
        let numbers = [
            ("groups", self.groups),
            ("prefetch", self.prefetch),
            ("max_deliveries", self.max_deliveries.unwrap_or(1)),
        ];
        for (what, number) in numbers {
            if number == 0 {
                return Err(ConfigError::Nothing(what));
            }
        }
        if !(self.backoff.factor >= 1.0 && self.backoff.factor.is_finite()) {
            return Err(ConfigError::Factor);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_most() {
        let ms = Duration::from_millis;
        let backoff = Backoff {
            initial: ms(100),
            factor: 2.0,
            max: ms(500),
        };
        let delays: Vec<_> = [1, 2, 3, 4, 5, u32::MAX].map(|n| backoff.after(n)).into();
        assert_eq!(
            delays,
            [ms(100), ms(200), ms(400), ms(500), ms(500), ms(500)]
        );
        let none = Config::default().backoff;
        assert_eq!(none.after(7), Duration::ZERO);
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        let with = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.check()
        };
        assert_eq!(with(|_| ()), Ok(()));
        assert_eq!(with(|c| c.groups = 0), Err(ConfigError::Nothing("groups")));
        let deliveries = with(|c| c.max_deliveries = Some(0));
        assert_eq!(deliveries, Err(ConfigError::Nothing("max_deliveries")));
        assert_eq!(with(|c| c.backoff.factor = 0.5), Err(ConfigError::Factor));
        assert_eq!(
            with(|c| c.backoff.factor = f64::NAN),
            Err(ConfigError::Factor)
        );
    }
}
