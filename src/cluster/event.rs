//! The closed set of events. Each names a kind and a slot; all else stands in the slot.

use engine::Payload;

/// What can happen at a point in time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Event {
    /// A workload makes its next request.
    Arrival(u32),
    /// A user of a closed workload has thought.
    Think(u32),
    /// A strand's compute or wait step is over.
    Finish(u32),
    /// A request reaches its instance.
    Deliver(u32),
    /// An answer reaches its caller.
    Answer(u32),
    /// A timer of a call's policy; the slot is call × stride + the policy's own.
    Timer(u32),
    /// A fault begins or is over.
    Fault(u32),
    /// An instance has started.
    Ready(u32),
    /// The next job of a processor-sharing instance is done.
    Shared(u32),
    /// A letter of a protocol reaches its reader.
    Mail(u32),
    /// An alarm of a protocol rings.
    Alarm(u32),
}

/// How many bits the number of a slot may have.
pub(crate) const SLOT_BITS: u32 = 28;

impl Payload for Event {
    #[inline]
    fn pack(self) -> u32 {
        let (kind, slot) = match self {
            Self::Arrival(s) => (0, s),
            Self::Think(s) => (1, s),
            Self::Finish(s) => (2, s),
            Self::Deliver(s) => (3, s),
            Self::Answer(s) => (4, s),
            Self::Timer(s) => (5, s),
            Self::Fault(s) => (6, s),
            Self::Ready(s) => (7, s),
            Self::Shared(s) => (8, s),
            Self::Mail(s) => (9, s),
            Self::Alarm(s) => (10, s),
        };
        debug_assert!(slot < 1 << SLOT_BITS);
        kind << SLOT_BITS | slot
    }

    #[inline]
    fn unpack(bits: u32) -> Self {
        let slot = bits & ((1 << SLOT_BITS) - 1);
        match bits >> SLOT_BITS {
            0 => Self::Arrival(slot),
            1 => Self::Think(slot),
            2 => Self::Finish(slot),
            3 => Self::Deliver(slot),
            4 => Self::Answer(slot),
            5 => Self::Timer(slot),
            6 => Self::Fault(slot),
            7 => Self::Ready(slot),
            8 => Self::Shared(slot),
            9 => Self::Mail(slot),
            _ => Self::Alarm(slot),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_survives_packing() {
        let top = (1 << SLOT_BITS) - 1;
        for event in [
            Event::Arrival(0),
            Event::Think(1),
            Event::Finish(top),
            Event::Deliver(3),
            Event::Answer(4),
            Event::Timer(top),
            Event::Fault(6),
            Event::Ready(7),
            Event::Shared(8),
            Event::Mail(9),
            Event::Alarm(10),
        ] {
            assert_eq!(Event::unpack(event.pack()), event);
        }
    }
}
