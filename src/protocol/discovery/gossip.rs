//! Gossip about who is alive: SWIM with suspicion (Das, Gupta, Motivala: *SWIM: Scalable
//! Weakly-consistent Infection-style Process Group Membership Protocol*, DSN 2002), by the `foca`
//! crate. This file turns its callbacks into actions, and says how a member comes back.
//!
//! What `foca` leaves to its host is settled here after HashiCorp's memberlist: news are sent to
//! three members five times per probe interval as long as there are any, each ⌈4·log₁₀(n + 1)⌉ times
//! (`RetransmitMult` 4); those declared down are told so, and asked now and then, so that two halves
//! find each other again; and one that takes no part asks the members that it began with, one after
//! the other, until somebody answers. It takes no part when it has just started, when it has lost
//! sight of everyone, and when it has changed its identity after it was declared down: the crate
//! tells that to three members once, and would be still for ever where these messages are lost.

use super::codec::{Identity, Plain};
use super::{ConfigError, positive};
use clock::{Duration, Instant};
use core::convert::Infallible;
use core::num::{NonZeroU8, NonZeroUsize};
use foca::{Config, Foca, Member, NoCustomBroadcast, Notification, PeriodicParams, Runtime, Timer};
use rand::rand_core::TryRng;

/// How a group finds out who is alive.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GossipConfig {
    /// Between two probes of a member, each of another one; above 0.
    pub probe_interval: Duration,
    /// How long a direct answer may take before others are asked to probe; above 0, below
    /// `probe_interval`.
    pub probe_timeout: Duration,
    /// How many others; at least 1.
    pub indirect_probes: u32,
    /// How long a suspect may speak up before it is declared down; above 0.
    pub suspect_for: Duration,
    /// About how many members there are; at least 1. It says how often news are repeated.
    pub members: u32,
}

/// What the host must do.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GossipAction {
    /// Send these bytes to a member, by its address.
    Send(u32, Box<[u8]>),
    /// Call [`Gossip::on_timer`] at this time.
    SetTimer(GossipTimer, Instant),
    /// From now on a member counts as alive, or does not.
    Changed {
        /// Its address.
        address: u32,
        /// Else it is down.
        alive: bool,
    },
}

/// A timer of one machine.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GossipTimer {
    /// One of the protocol's, by its place.
    Protocol(u32),
    /// To look for somebody, while it takes no part.
    Join,
}

/// One member of a group.
pub struct Gossip {
    foca: Foca<Identity, Plain, Bits, NoCustomBroadcast>,
    outbox: Outbox,
    /// Addresses to join by, this member's own not among them.
    seeds: Vec<u32>,
    next_seed: usize,
    join_interval: Duration,
    /// It has asked a seed, and will look whether that has helped.
    is_looking: bool,
}

impl Gossip {
    /// A member reached at `address` that starts now and knows nobody. It will join by any of `seeds`
    /// (addresses; its own is left out). `seed` fixes whom it probes, and in which order.
    ///
    /// # Errors
    /// A span or a count is zero, or the timeout is not shorter than the interval.
    pub fn new(
        config: &GossipConfig,
        address: u32,
        seeds: &[u32],
        now: Instant,
        seed: u64,
    ) -> Result<Self, ConfigError> {
        positive("probe_interval", config.probe_interval.is_zero())?;
        positive("probe_timeout", config.probe_timeout.is_zero())?;
        positive("suspect_for", config.suspect_for.is_zero())?;
        positive("members", config.members == 0)?;
        if config.probe_timeout >= config.probe_interval {
            return Err(ConfigError::TooLong("probe_timeout", "probe_interval"));
        }
        let indirect = NonZeroUsize::new(config.indirect_probes as usize);
        let indirect = indirect.ok_or(ConfigError::Zero("indirect_probes"))?;
        // A later start wins, whatever became of the member before.
        let since = now.as_nanos() + 1;
        let identity = Identity { address, since };
        let mut seeds = seeds.to_vec();
        seeds.retain(|seed| *seed != address);
        let bits = Bits(seed);
        Ok(Self {
            foca: Foca::new(identity, lower(config, indirect), bits, Plain),
            outbox: Outbox::default(),
            next_seed: 0,
            join_interval: config.probe_interval,
            is_looking: false,
            seeds,
        })
    }

    /// Begins among members that are all known, and know this one: as after a long time. They must
    /// all have been made at the instant at which this one was.
    pub fn start_among(&mut self, now: Instant, out: &mut Vec<GossipAction>) {
        let since = self.foca.identity().since;
        let others = self.seeds.clone();
        let others = others
            .into_iter()
            .map(|address| Member::alive(Identity { address, since }));
        let done = self.foca.apply_many(others, false, &mut self.outbox);
        debug_assert!(done.is_ok(), "{done:?}");
        self.flush(now, out);
    }

    /// Begins alone, and looks for the others.
    pub fn start(&mut self, now: Instant, out: &mut Vec<GossipAction>) {
        self.join(now, out);
    }

    /// Bytes from a member. What can not be read, or is not meant for this member, is ignored.
    pub fn on_message(&mut self, now: Instant, bytes: &[u8], out: &mut Vec<GossipAction>) {
        let _ignored = self.foca.handle_data(bytes, &mut self.outbox);
        self.flush(now, out);
    }

    /// A timer has fired.
    pub fn on_timer(&mut self, now: Instant, timer: GossipTimer, out: &mut Vec<GossipAction>) {
        match timer {
            GossipTimer::Join => {
                self.is_looking = false;
                if !self.outbox.takes_part {
                    self.join(now, out);
                }
            }
            GossipTimer::Protocol(place) => {
                let Some(timer) = self.outbox.take_timer(place) else {
                    return;
                };
                // It complains of a probe that was cut short, when a machine that stood still goes
                // on, and has put that right itself.
                let _put_right = self.foca.handle_timer(timer, &mut self.outbox);
                self.flush(now, out);
            }
        }
    }

    /// Those that count as alive, by address, in no order; suspects among them, this one not.
    pub fn alive(&self) -> impl Iterator<Item = u32> + '_ {
        self.foca.iter_members().map(|member| member.id().address)
    }

    /// Speaks to the next seed, and looks again after a while.
    fn join(&mut self, now: Instant, out: &mut Vec<GossipAction>) {
        if self.seeds.is_empty() {
            return;
        }
        let address = self.seeds[self.next_seed % self.seeds.len()];
        self.next_seed += 1;
        let anyone = Identity { address, since: 0 };
        let sent = self.foca.announce(anyone, &mut self.outbox);
        debug_assert!(sent.is_ok(), "{sent:?}");
        self.flush(now, out);
        self.look_again(now, out);
    }

    fn look_again(&mut self, now: Instant, out: &mut Vec<GossipAction>) {
        self.is_looking = true;
        let at = now + self.join_interval;
        out.push(GossipAction::SetTimer(GossipTimer::Join, at));
    }

    /// Hands on what the protocol has asked for.
    fn flush(&mut self, now: Instant, out: &mut Vec<GossipAction>) {
        let outbox = &mut self.outbox;
        for (place, after) in outbox.set.drain(..) {
            let timer = GossipTimer::Protocol(place);
            out.push(GossipAction::SetTimer(timer, now + after));
        }
        for (to, bytes) in outbox.sent.drain(..) {
            out.push(GossipAction::Send(to, bytes));
        }
        for (address, alive) in outbox.changed.drain(..) {
            out.push(GossipAction::Changed { address, alive });
        }
        if core::mem::take(&mut outbox.left) && !outbox.takes_part && !self.is_looking {
            self.look_again(now, out);
        }
    }
}

impl core::fmt::Debug for Gossip {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Gossip")
            .field("identity", self.foca.identity())
            .field("members", &self.foca.num_members())
            .finish_non_exhaustive()
    }
}

/// The words of `foca` for a configuration.
fn lower(config: &GossipConfig, indirect: NonZeroUsize) -> Config {
    let core = |span: Duration| core::time::Duration::from_nanos(span.as_nanos());
    let often = |frequency: Duration, members: usize| {
        Some(PeriodicParams {
            frequency: core(frequency),
            num_members: NonZeroUsize::new(members).unwrap_or(NonZeroUsize::MIN),
        })
    };
    let period = config.probe_interval;
    let repeats = 4.0 * libm::log10(f64::from(config.members) + 1.0);
    let fifth = Duration::from_nanos((period.as_nanos() / 5).max(1));
    let mut lowered = Config::simple();
    lowered.probe_period = core(period);
    lowered.probe_rtt = core(config.probe_timeout);
    lowered.num_indirect_probes = indirect;
    lowered.max_transmissions =
        NonZeroU8::new(libm::ceil(repeats).clamp(1.0, 255.0) as u8).unwrap_or(NonZeroU8::MIN);
    lowered.suspect_to_down_after = core(config.suspect_for);
    lowered.notify_down_members = true;
    lowered.periodic_gossip = often(fifth, 3);
    lowered.periodic_announce = often(period.saturating_mul(30), 1);
    lowered.periodic_announce_to_down_members = often(period.saturating_mul(65), 2);
    lowered
}

/// What the protocol has asked for since it was called, and its timers.
#[derive(Default)]
struct Outbox {
    sent: Vec<(u32, Box<[u8]>)>,
    set: Vec<(u32, Duration)>,
    changed: Vec<(u32, bool)>,
    /// It probes others, and they know it.
    takes_part: bool,
    /// It has ceased to.
    left: bool,
    timers: Vec<Option<Timer<Identity>>>,
    free: Vec<u32>,
}

impl Outbox {
    fn take_timer(&mut self, place: u32) -> Option<Timer<Identity>> {
        let timer = self.timers.get_mut(place as usize)?.take()?;
        self.free.push(place);
        Some(timer)
    }
}

impl Runtime<Identity> for Outbox {
    fn notify(&mut self, notification: Notification<'_, Identity>) {
        match notification {
            Notification::MemberUp(member) => self.changed.push((member.address, true)),
            Notification::MemberDown(member) => self.changed.push((member.address, false)),
            Notification::Active => self.takes_part = true,
            Notification::Idle | Notification::Rejoin(_) | Notification::Defunct => {
                (self.takes_part, self.left) = (false, true);
            }
            _ => {}
        }
    }

    fn send_to(&mut self, to: Identity, data: &[u8]) {
        self.sent.push((to.address, data.into()));
    }

    fn submit_after(&mut self, event: Timer<Identity>, after: core::time::Duration) {
        let place = self.free.pop().unwrap_or_else(|| {
            self.timers.push(None);
            self.timers.len() as u32 - 1
        });
        self.timers[place as usize] = Some(event);
        let after = u64::try_from(after.as_nanos()).unwrap_or(u64::MAX);
        self.set.push((place, Duration::from_nanos(after)));
    }
}

/// SplitMix64 (Steele, Lea, Flood: *Fast splittable pseudorandom number generators*, OOPSLA 2014).
#[derive(Clone, Debug)]
struct Bits(u64);

impl Bits {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

impl TryRng for Bits {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.next() >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.next())
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        for chunk in dst.chunks_mut(8) {
            let bytes = self.next().to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
        Ok(())
    }
}
