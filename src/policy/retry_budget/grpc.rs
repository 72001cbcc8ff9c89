//! gRPC's retry throttling (gRFC A6; `Throttle` in grpc-java's `RetriableStream.java`): failures
//! count down, successes up, and further attempts are made only above half. An attempt itself takes
//! nothing.

/// In thousandths of a token, as the implementations of gRPC count: sums are exact, and a count that
/// comes back to half of the most is not above it.
#[derive(Clone, Debug)]
pub(super) struct Grpc {
    most: u64,
    ratio: u64,
    tokens: u64,
}

const ONE: u64 = 1_000;

impl Grpc {
    pub(super) fn new(max_tokens: f64, token_ratio: f64) -> Self {
        let most = thousandths(max_tokens);
        Self {
            most,
            ratio: thousandths(token_ratio),
            tokens: most,
        }
    }

    #[inline]
    pub(super) fn failed(&mut self) {
        self.tokens = self.tokens.saturating_sub(ONE);
    }

    #[inline]
    pub(super) fn succeeded(&mut self) {
        self.tokens = self.tokens.saturating_add(self.ratio).min(self.most);
    }

    pub(super) fn is_above_threshold(&self) -> bool {
        self.tokens > self.most / 2
    }

    pub(super) fn balance(&self) -> f64 {
        self.tokens as f64 / ONE as f64
    }

    #[cfg(test)]
    pub(super) fn is_sound(&self) -> bool {
        self.tokens <= self.most
    }
}

fn thousandths(tokens: f64) -> u64 {
    (tokens * ONE as f64).round() as u64
}
