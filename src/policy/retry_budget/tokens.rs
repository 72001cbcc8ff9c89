//! A plain bucket of tokens: retries draw out, calls and successes pay in, all by the same amounts.

#[derive(Clone, Debug)]
pub(super) struct Tokens {
    capacity: f64,
    cost: f64,
    refund: f64,
    deposit: f64,
    tokens: f64,
}

impl Tokens {
    pub(super) fn new(capacity: f64, cost: f64, refund: f64, deposit: f64) -> Self {
        Self {
            capacity,
            cost,
            refund,
            deposit,
            tokens: capacity,
        }
    }

    pub(super) fn withdraw(&mut self) -> bool {
        let enough = self.tokens >= self.cost;
        if enough {
            self.tokens -= self.cost;
        }
        enough
    }

    #[inline]
    pub(super) fn call_started(&mut self) {
        self.tokens = (self.tokens + self.deposit).min(self.capacity);
    }

    #[inline]
    pub(super) fn success(&mut self) {
        self.tokens = (self.tokens + self.refund).min(self.capacity);
    }

    pub(super) fn balance(&self) -> f64 {
        self.tokens
    }

    #[cfg(test)]
    pub(super) fn is_sound(&self) -> bool {
        (0.0..=self.capacity).contains(&self.tokens)
    }
}
