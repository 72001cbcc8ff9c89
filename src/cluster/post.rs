//! The post: messages and alarms of protocols, which are no requests.
//!
//! A letter takes the network's time, or is lost with its chances; one that reaches a machine that is
//! down vanishes, one that reaches a paused machine waits there. It refuses to know what is written:
//! each protocol's station reads its own [`Mail`].

use crate::config;
use crate::deployment;
use crate::discovery;
use crate::event::Event;
use crate::group;
use crate::observer::Observer;
use crate::place::Location;
use crate::queue;
use crate::scaling;
use crate::slab::Slab;
use crate::transaction;
use crate::world::World;
use clock::Instant;
use engine::{Keyed, Stamp};

/// Who writes and who reads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Party {
    /// An instance, by its number in the world.
    Instance(u32),
    /// The clients of a workload: one party, always up.
    Clients(u32),
    /// No machine: what only sets alarms.
    Nobody,
}

/// What is written, by the station that reads it.
#[derive(Debug)]
pub(crate) enum Mail {
    Transaction(transaction::Letter),
    Group(group::Letter),
    Discovery(discovery::Letter),
    Queue(queue::Letter),
}

/// What an alarm is for, by the station that set it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Alarm {
    Transaction(transaction::Alarm),
    Group(group::Alarm),
    Discovery(discovery::Alarm),
    Config(config::Alarm),
    Deployment(deployment::Alarm),
    Queue(queue::Alarm),
    Scaling(scaling::Alarm),
}

/// An alarm that was set. Whoever wants it to ring keeps it; see [`World::silence`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Bell {
    slot: u32,
    stamp: Stamp,
}

#[derive(Debug)]
struct Letter {
    from: Party,
    to: Party,
    /// `None` in a free slot.
    mail: Option<Mail>,
}

#[derive(Debug)]
struct Set {
    whose: Party,
    alarm: Alarm,
    stamp: Stamp,
}

/// Letters on their way, and alarms that are set.
#[derive(Debug)]
pub(crate) struct Post {
    letters: Slab<Letter>,
    alarms: Slab<Set>,
    /// Letters sent, by instance, then by workload; each letter's draws are its own.
    sent: Vec<u64>,
    instances: u32,
    key: u64,
}

impl Post {
    pub(crate) fn new(instances: u32, workloads: u32, key: u64) -> Self {
        Self {
            letters: Slab::new(),
            alarms: Slab::new(),
            sent: vec![0; (instances + workloads) as usize],
            instances,
            key,
        }
    }

    /// Letters on their way, and to whom.
    pub(crate) fn under_way(&self) -> impl Iterator<Item = (Party, &Mail)> {
        let slots = (0..self.letters.slots()).map(|slot| &self.letters[slot]);
        slots.filter_map(|letter| Some((letter.to, letter.mail.as_ref()?)))
    }

    /// Whether an alarm of a party has yet to ring.
    pub(crate) fn is_set(&self, bell: Bell, whose: Party) -> bool {
        let set = &self.alarms[bell.slot];
        set.stamp == bell.stamp && set.whose == whose
    }

    fn next_key(&mut self, from: Party) -> u64 {
        let place = match from {
            Party::Instance(id) => id,
            Party::Clients(workload) => self.instances + workload,
            Party::Nobody => unreachable!("nobody writes"),
        };
        let number = &mut self.sent[place as usize];
        *number += 1;
        Keyed::child(Keyed::child(self.key, place.into()), *number)
    }
}

impl World {
    /// Sends a letter. It arrives by an event of its own, also where the network takes no time.
    /// Answers whether it is on its way, and not lost.
    pub(crate) fn post(&mut self, now: Instant, from: Party, to: Party, mail: Mail) -> bool {
        let key = self.post.next_key(from);
        let (here, there) = (self.location(from), self.location(to));
        let Some(time) = self.network.carry(here, there, key) else {
            return false;
        };
        let mail = Some(mail);
        let slot = self.post.letters.insert(Letter { from, to, mail });
        self.engine.schedule(now + time, Event::Mail(slot));
        true
    }

    /// A letter reaches its reader.
    #[cold]
    pub(crate) fn mail<O: Observer>(&mut self, now: Instant, obs: &mut O, slot: u32, stamp: Stamp) {
        let to = self.post.letters[slot].to;
        if let Party::Instance(id) = to
            && self.is_there(to)
            && self.put_off(id, Event::Mail(slot), stamp)
        {
            return;
        }
        let letter = &mut self.post.letters[slot];
        let from = letter.from;
        let mail = letter.mail.take().expect("a letter arrives once");
        self.post.letters.remove(slot);
        if !self.is_there(to) {
            match &mail {
                Mail::Transaction(letter) => self.transaction_mail_lost(now, obs, letter),
                Mail::Discovery(letter) => self.discovery_refused(now, obs, from, to, letter),
                Mail::Queue(letter) => self.queue_mail_lost(letter),
                Mail::Group(_) => {}
            }
            return;
        }
        match mail {
            Mail::Transaction(letter) => self.transaction_mail(now, obs, from, to, letter),
            Mail::Group(letter) => self.group_mail(now, obs, from, to, letter),
            Mail::Discovery(letter) => self.discovery_mail(now, obs, from, to, letter),
            Mail::Queue(letter) => self.queue_mail(now, obs, from, to, letter),
        }
    }

    /// Sets an alarm. It does not ring where the machine of `whose` is down at its time, and rings
    /// late where that is paused.
    pub(crate) fn set_alarm(&mut self, at: Instant, whose: Party, alarm: Alarm) -> Bell {
        let slot = self.post.alarms.insert(Set {
            whose,
            alarm,
            stamp: Stamp::NONE,
        });
        let stamp = self.engine.schedule(at, Event::Alarm(slot));
        self.post.alarms[slot].stamp = stamp;
        Bell { slot, stamp }
    }

    /// The alarm does not ring any more, if it has not.
    pub(crate) fn silence(&mut self, bell: Bell) {
        let set = &mut self.post.alarms[bell.slot];
        if set.stamp == bell.stamp {
            set.stamp = Stamp::NONE;
            self.post.alarms.remove(bell.slot);
        }
    }

    /// An alarm rings.
    #[cold]
    pub(crate) fn alarm<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        slot: u32,
        stamp: Stamp,
    ) {
        let Set {
            whose,
            alarm,
            stamp: set,
        } = self.post.alarms[slot];
        if set != stamp {
            return;
        }
        if let Party::Instance(id) = whose
            && self.is_there(whose)
            && self.put_off(id, Event::Alarm(slot), stamp)
        {
            return;
        }
        self.post.alarms[slot].stamp = Stamp::NONE;
        self.post.alarms.remove(slot);
        if !self.is_there(whose) {
            return;
        }
        match alarm {
            Alarm::Transaction(alarm) => self.transaction_alarm(now, obs, whose, alarm),
            Alarm::Group(alarm) => self.group_alarm(now, obs, whose, alarm),
            Alarm::Discovery(alarm) => self.discovery_alarm(now, obs, whose, alarm),
            Alarm::Config(alarm) => self.config_alarm(now, obs, whose, alarm),
            Alarm::Deployment(alarm) => self.deployment_alarm(now, obs, alarm),
            Alarm::Queue(alarm) => self.queue_alarm(now, obs, whose, alarm),
            Alarm::Scaling(alarm) => self.scaling_alarm(now, obs, alarm),
        }
    }

    /// Whether a party takes part: clients always do, instances while they are up.
    pub(crate) fn is_there(&self, party: Party) -> bool {
        match party {
            Party::Instance(id) => self.instances[id as usize].is_up(),
            Party::Clients(_) | Party::Nobody => true,
        }
    }

    fn location(&self, party: Party) -> Location {
        match party {
            Party::Instance(id) => self.instances[id as usize].location,
            Party::Clients(workload) => Location::Client(workload),
            Party::Nobody => unreachable!("nobody writes and is written to"),
        }
    }
}
