//! What the loop asks of a future event list.
//!
//! A list sees packed keys and nothing else: it knows neither events nor the time.

/// Keys that come out in rising order. No two keys are equal.
pub(crate) trait FutureEventList: Default {
    /// Adds a key, which is greater than every key that came out.
    fn push(&mut self, key: u128);

    /// Takes the least key out, if it is below `bound`.
    fn pop_before(&mut self, bound: u128) -> Option<u128>;

    /// How many keys are in.
    fn len(&self) -> usize;
}
