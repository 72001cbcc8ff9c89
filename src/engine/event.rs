//! What the user and the engine say to each other about an event.

/// The closed set of events of the user, each packed into 32 bits.
///
/// By convention the top 4 bits are the kind (0..=14) and the other 28 a slot. Kind 15 (bits from
/// `0xF000_0000` on) is reserved by the engine. `unpack(pack(e))` must give back `e`.
pub trait Payload: Copy {
    /// The event as 32 bits, below `0xF000_0000`.
    fn pack(self) -> u32;
    /// The event that was packed into `bits`; only bits that `pack` returned are passed in.
    fn unpack(bits: u32) -> Self;
}

/// Identifies one scheduled event: its sequence number, unique in a run.
///
/// The user stores it next to the state that the event is about. An event whose stamp is not stored
/// there any more is stale, and is to be ignored.
#[derive(Copy, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Stamp(pub(crate) u64);

impl Stamp {
    /// Never equal to the stamp of an event.
    pub const NONE: Self = Self(u64::MAX);
}

/// Nothing is wanted of the default but that it is no event's stamp.
impl Default for Stamp {
    fn default() -> Self {
        Self::NONE
    }
}
