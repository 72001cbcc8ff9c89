//! Discovery as the world hosts it: what each caller believes of each service, by the machines of
//! `protocol::discovery`, whose letters go over the network and whose timers are alarms.
//!
//! At the beginning of time all has gone well for long: everyone knows everyone, leases are held,
//! nobody has an opinion to revise. A caller instance that starts again has forgotten all; until it
//! has heard a first word, it takes all instances for alive.

mod checks;
mod gossip;
mod layout;
mod leases;
mod view;

use crate::observer::{DiscoveryFact, Observer};
use crate::post::{self, Mail, Party};
use crate::world::World;
use clock::{Duration, Instant};
use engine::{Bits, Keyed};
use gossip::Member;
pub(crate) use layout::Plan;
use leases::{Book, Holder};
use protocol::discovery::{GossipTimer, HealthTimer, SubscriberTimer};
use view::Watch;

/// What is written about who is alive. `watch` is the number of the caller's view.
#[derive(Debug)]
pub(crate) enum Letter {
    Probe {
        watch: u32,
        number: u64,
    },
    Probed {
        watch: u32,
        number: u64,
        is_good: bool,
    },
    Register {
        holder: u32,
    },
    Renew {
        holder: u32,
    },
    Unknown {
        holder: u32,
    },
    Fetch {
        watch: u32,
        number: u64,
    },
    List {
        watch: u32,
        number: u64,
        instances: Box<[u32]>,
    },
    NoList {
        watch: u32,
        number: u64,
    },
    Gossip {
        member: u32,
        bytes: Box<[u8]>,
    },
}

/// What a party waits for. An alarm of an earlier life, before a crash, is void.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Alarm {
    life: u32,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum What {
    /// A caller checks an instance, by its number in the service.
    Check {
        watch: u32,
        local: u32,
        timer: HealthTimer,
    },
    Fetch {
        watch: u32,
        timer: SubscriberTimer,
    },
    Beat {
        holder: u32,
    },
    Evict {
        book: u32,
    },
    /// A member joins at the beginning of time.
    Begin {
        member: u32,
    },
    Gossip {
        member: u32,
        timer: GossipTimer,
    },
}

/// What everyone believes.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// Sets the draws of discovery apart from all others.
    key: u64,
    watches: Vec<Watch>,
    holders: Vec<Holder>,
    books: Vec<Book>,
    members: Vec<Member>,
    /// By service: how many callers have a view of it.
    watchers: Vec<u32>,
    /// By instance: when it went down last.
    down_since: Vec<Instant>,
    /// By instance: how often it has started again.
    lives: Vec<u32>,
}

impl Directory {
    fn life(&self, party: Party) -> u32 {
        match party {
            Party::Instance(id) => self.lives[id as usize],
            Party::Clients(_) | Party::Nobody => 0,
        }
    }

    /// A span below `most` that is drawn for `purpose` and `number`.
    fn span(&self, purpose: u64, number: u64, most: Duration) -> Duration {
        let key = Keyed::child(Keyed::child(self.key, purpose), number);
        most.mul_f64(Keyed::new(key).unit())
    }
}

/// What spans and seeds are drawn for.
mod purpose {
    pub(super) const CHECK: u64 = 0;
    pub(super) const FETCH: u64 = 1;
    pub(super) const BEAT: u64 = 2;
    pub(super) const EVICTION: u64 = 3;
    pub(super) const VICTIMS: u64 = 4;
    pub(super) const MEMBER: u64 = 5;
    pub(super) const BEGIN: u64 = 6;
}

impl World {
    /// How many callers have a view of a service of their own: 0 where its discovery is static.
    pub fn watchers(&self, service: usize) -> u32 {
        self.directory.watchers.get(service).copied().unwrap_or(0)
    }

    pub(crate) fn start_discovery(&mut self) {
        self.start_checks();
        self.start_leases();
        self.start_gossip();
    }

    /// Sends a letter about a service.
    fn tell<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        service: u32,
        (from, to): (Party, Party),
        letter: Letter,
    ) {
        obs.discovery(now, service as usize, DiscoveryFact::Message);
        self.post(now, from, to, Mail::Discovery(letter));
    }

    fn remind(&mut self, at: Instant, whose: Party, what: What) {
        let life = self.directory.life(whose);
        let alarm = Alarm { life, what };
        self.set_alarm(at, whose, post::Alarm::Discovery(alarm));
    }

    pub(crate) fn discovery_mail<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        from: Party,
        to: Party,
        letter: Letter,
    ) {
        match letter {
            Letter::Probe { watch, number } => {
                self.probed(now, obs, (to, from), watch, number, true)
            }
            Letter::Probed {
                watch,
                number,
                is_good,
            } => self.probe_answered(now, obs, from, watch, number, is_good),
            Letter::Register { holder } => self.registers(now, holder),
            Letter::Renew { holder } => self.renews(now, obs, holder),
            Letter::Unknown { holder } => self.is_unknown(now, obs, holder),
            Letter::Fetch { watch, number } => self.asked_for_list(now, obs, to, watch, number),
            Letter::List {
                watch,
                number,
                instances,
            } => self.has_list(now, obs, watch, number, &instances),
            Letter::NoList { watch, number } => self.has_no_list(now, obs, watch, number),
            Letter::Gossip { member, bytes } => self.hears_gossip(now, obs, member, &bytes),
        }
    }

    /// A letter came to a machine that is down, and refuses connections: whoever waits for an answer
    /// knows at once. Nobody answers for one that has vanished.
    #[cold]
    pub(crate) fn discovery_refused<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        from: Party,
        to: Party,
        letter: &Letter,
    ) {
        let Party::Instance(id) = to else { return };
        if self.instances[id as usize].crash_mode == model::CrashMode::Blackhole {
            return;
        }
        match *letter {
            Letter::Probe { watch, number } => {
                self.probed(now, obs, (to, from), watch, number, false);
            }
            Letter::Fetch { watch, number } => {
                let service = self.directory.watches[watch as usize].service;
                let letter = Letter::NoList { watch, number };
                self.tell(now, obs, service, (to, from), letter);
            }
            _ => {}
        }
    }

    pub(crate) fn discovery_alarm<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        whose: Party,
        alarm: Alarm,
    ) {
        if alarm.life != self.directory.life(whose) {
            return;
        }
        match alarm.what {
            What::Check {
                watch,
                local,
                timer,
            } => self.check_is_due(now, obs, watch, local, timer),
            What::Fetch { watch, timer } => self.fetch_is_due(now, obs, watch, timer),
            What::Beat { holder } => self.beat_is_due(now, obs, holder),
            What::Evict { book } => self.eviction_is_due(now, book),
            What::Begin { member } => self.begins_gossip(now, obs, member),
            What::Gossip { member, timer } => self.gossip_is_due(now, obs, member, timer),
        }
    }

    pub(crate) fn discovery_down<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        if self.directory.watches.is_empty() && self.directory.books.is_empty() {
            return;
        }
        self.directory.lives[id as usize] += 1;
        self.directory.down_since[id as usize] = now;
        self.goes_out_of_sight(now, obs, id);
        self.directory.close_books(id);
        self.directory.silence(id);
    }

    pub(crate) fn discovery_up<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        if self.directory.watches.is_empty() && self.directory.books.is_empty() {
            return;
        }
        self.comes_into_sight(id);
        self.open_books(now, id);
        self.take_leases(now, obs, id);
        self.join_gossip(now, obs, id);
        self.restart_checks(now, id);
    }
}
