//! How callers choose an instance, and when they leave one out.

use clock::Duration;

/// How callers choose an instance.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum BalancerConfig {
    /// Uniformly at random.
    #[default]
    Random,
    /// One after the other.
    RoundRobin,
    /// The fewest outstanding requests, as this caller knows them.
    LeastRequests {
        /// How many are drawn and compared; `None`: all.
        choices: Option<u32>,
        /// Whether one instance may be drawn twice.
        with_replacement: bool,
    },
    /// The least of (exponentially weighted latency) x (outstanding + 1), peaks taken at once
    /// (Finagle, tower).
    PeakEwma {
        /// The time constant of the average.
        decay: Duration,
    },
    /// The request's key on a hash ring.
    ConsistentHash {
        /// How many keys there are; a request's key is uniform among them.
        keys: u64,
    },
    /// The request's key in a Maglev table (Eisenbud et al., NSDI 2016).
    Maglev {
        /// How many keys there are; a request's key is uniform among them.
        keys: u64,
        /// Entries of the table, a prime; 65537.
        table_size: u32,
    },
    /// Envoy's zone-aware routing: the caller's own zone as far as its share of instances allows,
    /// the rest spread over the other zones by what they have left.
    ZoneAware {
        /// With fewer instances all are used alike; 6.
        min_cluster_size: u32,
        /// How one is chosen within a zone; not zone-aware itself.
        within: Box<BalancerConfig>,
    },
    /// Smooth weighted round robin (nginx): shares proportional to the weights.
    Weighted {
        /// One weight per instance, repeated when there are more instances than weights.
        weights: Vec<u32>,
    },
}

/// Leaves instances out that fail (Envoy's outlier detection; names and defaults are Envoy's).
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OutlierConfig {
    /// An instance is ejected at once after so many failures in a row; 5. `None`: never.
    pub consecutive: Option<u32>,
    /// Between two looks at the rates, and at who comes back; 10 s.
    pub interval: Duration,
    /// An ejection lasts this long times how often the instance was ejected; 30 s.
    pub base_ejection_time: Duration,
    /// But at most so long; 300 s.
    pub max_ejection_time: Duration,
    /// At most this share of the instances is ejected (one always may be), 0..=1; 0.1.
    pub max_ejection: f64,
    /// Ejects by the spread of success rates; on by default.
    pub success_rate: Option<SuccessRate>,
    /// Ejects from this share of failures on, 0..=1, with Envoy's `failure_percentage_*` minimum
    /// hosts (5) and volume (50); off by default, as in Envoy. 0.85 is its threshold.
    pub failure_percentage: Option<f64>,
}

/// Ejects instances whose success rate is below `mean - factor * standard deviation`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct SuccessRate {
    /// 1.9.
    pub factor: f64,
    /// With fewer instances of enough volume nobody is judged; 5.
    pub minimum_hosts: u32,
    /// Requests in an interval below which an instance is not judged; 100.
    pub request_volume: u32,
}

impl Default for SuccessRate {
    fn default() -> Self {
        Self {
            factor: 1.9,
            minimum_hosts: 5,
            request_volume: 100,
        }
    }
}

impl Default for OutlierConfig {
    fn default() -> Self {
        Self {
            consecutive: Some(5),
            interval: Duration::from_secs(10),
            base_ejection_time: Duration::from_secs(30),
            max_ejection_time: Duration::from_secs(300),
            max_ejection: 0.1,
            success_rate: Some(SuccessRate::default()),
            failure_percentage: None,
        }
    }
}
