//! What one call remembers of one layer, in sixteen bytes that its driver stores.
//!
//! Policies share state between calls; what belongs to a single call lives here, so that a driver
//! with a million calls in flight allocates nothing for them one by one. A frame is meaningless
//! outside the pipeline that wrote it.

use crate::pipeline::{Attempt, Env};

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

/// The first frame of a call, which belongs to no layer: its attempts and its target.
pub(crate) struct Root<'a>(pub(crate) &'a mut Frame);

/// The low bits of a root's state count the attempts that were sent.
const SENT: u32 = 0xffff;
const OUT: u32 = 1 << 16;
const TARGETED: u32 = 1 << 17;

impl Root<'_> {
    /// Takes the next attempt's number; from now on that attempt is out.
    #[inline]
    pub(crate) fn send(&mut self) -> Attempt {
        let sent = self.0.state & SENT;
        self.0.state = (sent + 1) | OUT;
        sent as Attempt
    }

    /// Whether another attempt still has a number.
    #[inline]
    pub(crate) fn can_send(&self) -> bool {
        self.0.state & SENT <= u32::from(Attempt::MAX)
    }

    /// How many attempts were sent, 0..=256.
    #[inline]
    pub(crate) fn sent(&self) -> u16 {
        (self.0.state & SENT) as u16
    }

    /// Ends the attempt that is out, if it is this one.
    #[inline]
    pub(crate) fn end(&mut self, attempt: Attempt) -> bool {
        let ours = self.out() == Some(attempt);
        if ours {
            self.0.state &= !OUT;
        }
        ours
    }

    /// Ends whatever attempt is out, and names it.
    pub(crate) fn give_up(&mut self) -> Option<Attempt> {
        let out = self.out();
        self.0.state &= !OUT;
        out
    }

    #[inline]
    fn out(&self) -> Option<Attempt> {
        (self.0.state & OUT != 0).then(|| ((self.0.state & SENT) - 1) as Attempt)
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
