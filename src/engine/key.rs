//! The packed key: one `u128` that holds a scheduled event and sorts as the event does.
//!
//! From the top: time in nanoseconds (60 bits), sequence number (36 bits), payload (32 bits). Keys
//! therefore compare by time, then by the order of scheduling; the payload never decides, because a
//! sequence number is given once. The limits are stated, not hoped for: times up to 2^60 ns (36.5
//! years) and 2^36 (6.8e10) scheduled events per run.

const TIME_BITS: u32 = 60;
const SEQ_BITS: u32 = 36;
const PAYLOAD_BITS: u32 = 32;

/// The first time that a key cannot hold: it stands for "never".
pub(crate) const TIME_END: u64 = 1 << TIME_BITS;
/// The first sequence number that a key cannot hold.
pub(crate) const SEQ_END: u64 = 1 << SEQ_BITS;
/// Payloads from here on belong to the engine.
pub(crate) const RESERVED: u32 = 0xF000_0000;

/// `time` below [`TIME_END`], `seq` below [`SEQ_END`].
#[inline]
pub(crate) fn pack(time: u64, seq: u64, payload: u32) -> u128 {
    debug_assert!(time < TIME_END && seq < SEQ_END);
    // Built from two words: the compiler then needs no 128-bit shifts.
    let high = time << (64 - TIME_BITS) | seq >> PAYLOAD_BITS;
    let low = seq << PAYLOAD_BITS | u64::from(payload);
    u128::from(high) << 64 | u128::from(low)
}

#[inline]
pub(crate) fn time(key: u128) -> u64 {
    (key >> 64) as u64 >> (64 - TIME_BITS)
}

#[inline]
pub(crate) fn seq(key: u128) -> u64 {
    (key >> PAYLOAD_BITS) as u64 & (SEQ_END - 1)
}

#[inline]
pub(crate) fn payload(key: u128) -> u32 {
    key as u32
}

/// The least key that is later than every key of time `until`.
#[inline]
pub(crate) fn bound_after(until: u64) -> u128 {
    if until >= TIME_END - 1 {
        u128::MAX
    } else {
        u128::from((until + 1) << (64 - TIME_BITS)) << 64
    }
}

/// The key with another payload at the same place in the order.
#[inline]
pub(crate) fn with_payload(key: u128, payload: u32) -> u128 {
    key >> PAYLOAD_BITS << PAYLOAD_BITS | u128::from(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_gives_back_what_went_in() {
        for t in [0, 1, 12_345, TIME_END - 1] {
            for s in [0, 1, 1 << 32, SEQ_END - 1] {
                for p in [0, 7, RESERVED, u32::MAX] {
                    let k = pack(t, s, p);
                    assert_eq!((time(k), seq(k), payload(k)), (t, s, p));
                    assert_eq!(with_payload(k, 3), pack(t, s, 3));
                }
            }
        }
    }

    #[test]
    fn keys_sort_by_time_then_sequence() {
        assert!(pack(1, SEQ_END - 1, u32::MAX) < pack(2, 0, 0));
        assert!(pack(1, 5, u32::MAX) < pack(1, 6, 0));
        assert!(pack(1, 5, 0) < bound_after(1) && pack(2, 0, 0) >= bound_after(1));
        assert_eq!(bound_after(u64::MAX), u128::MAX);
    }
}
