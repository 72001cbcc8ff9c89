//! What one call remembers of one layer, in sixteen bytes that its driver stores.
//!
//! Policies share state between calls; what belongs to a single call lives here, so that a driver
//! with a million calls in flight allocates nothing for them one by one. A frame is meaningless
//! outside the pipeline that wrote it.

use crate::driver::{Attempt, Env};

/// The memory of one call at one layer. A driver keeps [`crate::Pipeline::frames`] of them for
/// each call, all `Frame::default()` before the call starts, and never looks inside.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Frame {
    /// What the layer is doing for the call; 0 is nothing.
    pub(crate) state: u32,
    /// Whose state it took part in, for layers that keep one per instance.
    pub(crate) index: u32,
    /// A time, a span or a ticket.
    pub(crate) word: u64,
}

/// Where a path of a call begins: the attempt that is out there, and its target. The call itself
/// is one path; each copy that a hedge makes is another.
pub(crate) struct Root<'a>(pub(crate) &'a mut Frame);

/// The low bits of a root's state are the attempt that was sent last.
const ATTEMPT: u32 = Attempt::MAX as u32;
const OUT: u32 = 1 << 8;
const TARGETED: u32 = 1 << 9;

// Its word counts the attempts of all paths of the call in the low half, of this one in the high one.
const BY_THIS: u32 = 32;
const BY_ALL: u64 = (1 << BY_THIS) - 1;

impl Root<'_> {
    /// The path sets out anew.
    pub(crate) fn begin(&mut self) {
        self.0.state = 0;
        self.0.word &= BY_ALL;
    }

    /// Takes the next attempt's number; from now on that attempt is out.
    #[inline]
    pub(crate) fn send(&mut self) -> Attempt {
        let attempt = self.0.word as Attempt;
        self.0.word += 1 << BY_THIS | 1;
        self.0.state = self.0.state & TARGETED | OUT | u32::from(attempt);
        attempt
    }

    /// Whether another attempt still has a number.
    #[inline]
    pub(crate) fn can_send(&self) -> bool {
        self.0.word & BY_ALL <= u64::from(Attempt::MAX)
    }

    /// How many attempts this path has sent, 0..=256.
    #[inline]
    pub(crate) fn sent(&self) -> u16 {
        (self.0.word >> BY_THIS) as u16
    }

    /// Attempts are numbered over all paths of a call: this one learns what `all` has counted.
    pub(crate) fn count_from(&mut self, all: &Frame) {
        self.0.word = self.0.word & !BY_ALL | all.word & BY_ALL;
    }

    /// The other way round: what this path has sent, `all` has.
    pub(crate) fn count_into(&self, all: &mut Frame) {
        let sent = self.0.word & BY_ALL;
        all.word = sent << BY_THIS | sent;
    }

    /// Ends the attempt that is out, if it is this one.
    #[inline]
    pub(crate) fn end(&mut self, attempt: Attempt) -> bool {
        let ours = is_out(self.0.state, attempt);
        if ours {
            self.0.state &= !OUT;
        }
        ours
    }

    /// Ends whatever attempt is out, and names it.
    pub(crate) fn give_up(&mut self) -> Option<Attempt> {
        let out = self.0.state & OUT != 0;
        self.0.state &= !OUT;
        out.then_some((self.0.state & ATTEMPT) as Attempt)
    }

    /// The target instance of the attempt being prepared; asks for it the first time.
    #[inline]
    pub(crate) fn target(&mut self, env: &mut impl Env) -> u32 {
        if self.0.state & TARGETED == 0 {
            self.0.index = env.target();
            self.0.state |= TARGETED;
        }
        self.0.index
    }

    /// What comes next is a new attempt, with a target of its own.
    #[inline]
    pub(crate) fn forget_target(&mut self) {
        self.0.state &= !TARGETED;
    }
}

#[inline]
fn is_out(state: u32, attempt: Attempt) -> bool {
    state & (OUT | ATTEMPT) == OUT | u32::from(attempt)
}

impl Frame {
    /// Whether this is where a path begins of which this attempt is out.
    #[inline]
    pub(crate) fn has_out(&self, attempt: Attempt) -> bool {
        is_out(self.state, attempt)
    }

    /// The target that was asked for here.
    #[inline]
    pub(crate) fn asked_target(&self) -> Option<u32> {
        (self.state & TARGETED != 0).then_some(self.index)
    }
}
