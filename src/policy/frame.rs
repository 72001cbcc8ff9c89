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

/// Where a path of a call begins: the attempt that is out there, and its target. The call itself
/// is one path; each copy that a hedge makes is another. The frame's word counts the attempts that
/// the path has sent.
pub(crate) struct Root<'a> {
    state: &'a mut u32,
    target: &'a mut u32,
    sent: &'a mut u64,
    /// Of a copy: the count of its call, which numbers the attempts.
    sent_by_all: Option<&'a mut u64>,
}

/// The low bits of the state are the attempt that was sent last.
const ATTEMPT: u32 = Attempt::MAX as u32;
const OUT: u32 = 1 << 8;
const TARGETED: u32 = 1 << 9;

impl<'a> Root<'a> {
    /// The path that is the call itself.
    #[inline]
    pub(crate) fn of_call(call: &'a mut Frame) -> Self {
        Self {
            state: &mut call.state,
            target: &mut call.index,
            sent: &mut call.word,
            sent_by_all: None,
        }
    }

    /// A path of its own, `copy` being its first frame.
    #[inline]
    pub(crate) fn of_copy(call: &'a mut Frame, copy: &'a mut Frame) -> Self {
        Self {
            sent_by_all: Some(&mut call.word),
            ..Self::of_call(copy)
        }
    }

    /// The path sets out anew.
    pub(crate) fn begin(&mut self) {
        (*self.state, *self.sent) = (0, 0);
    }

    /// Takes the next attempt's number; from now on that attempt is out.
    #[inline]
    pub(crate) fn send(&mut self) -> Attempt {
        let attempt = match &mut self.sent_by_all {
            Some(all) => {
                **all += 1;
                **all - 1
            }
            None => *self.sent,
        } as Attempt;
        *self.sent += 1;
        *self.state = *self.state & TARGETED | OUT | u32::from(attempt);
        attempt
    }

    /// Whether another attempt still has a number.
    #[inline]
    pub(crate) fn can_send(&self) -> bool {
        let all = self.sent_by_all.as_deref().unwrap_or(self.sent);
        *all <= u64::from(Attempt::MAX)
    }

    /// How many attempts this path has sent, 0..=256.
    #[inline]
    pub(crate) fn sent(&self) -> u16 {
        *self.sent as u16
    }

    /// Ends the attempt that is out, if it is this one.
    #[inline]
    pub(crate) fn end(&mut self, attempt: Attempt) -> bool {
        let ours = is_out(*self.state, attempt);
        if ours {
            *self.state &= !OUT;
        }
        ours
    }

    /// Ends whatever attempt is out, and names it.
    pub(crate) fn give_up(&mut self) -> Option<Attempt> {
        let out = *self.state & OUT != 0;
        *self.state &= !OUT;
        out.then_some((*self.state & ATTEMPT) as Attempt)
    }

    /// The target instance of the attempt being prepared; asks for it the first time.
    #[inline]
    pub(crate) fn target(&mut self, env: &mut impl Env) -> u32 {
        if *self.state & TARGETED == 0 {
            *self.target = env.target();
            *self.state |= TARGETED;
        }
        *self.target
    }

    /// What comes next is a new attempt, with a target of its own.
    #[inline]
    pub(crate) fn forget_target(&mut self) {
        *self.state &= !TARGETED;
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
