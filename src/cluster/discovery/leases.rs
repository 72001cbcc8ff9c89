//! Leases: instances that renew them, registries that keep books of them, callers that fetch the
//! list. A registry is an instance of a service of its own, which may crash and forget; or an ideal
//! one, which is no place at all, never fails, and answers at the same instant.

use super::view::Source;
use super::{Directory, Letter, What, purpose};
use crate::observer::{DiscoveryFact, Observer};
use crate::post::Party;
use crate::world::World;
use clock::{Duration, Instant};
use engine::{Bits, Keyed};
use protocol::discovery::{
    LeaseAction, LeaseHolder, Registry, RegistryConfig, Subscriber, SubscriberAction,
    SubscriberConfig, SubscriberTimer, Terms,
};

/// What one registry knows.
#[derive(Debug)]
pub(super) struct Book {
    /// The instance that keeps it; `None`: the ideal registry.
    pub(super) at: Option<u32>,
    pub(super) config: RegistryConfig,
    /// `None` while that is down.
    pub(super) registry: Option<Registry>,
    pub(super) evictions: u64,
}

/// An instance towards one registry.
#[derive(Debug)]
pub(super) struct Holder {
    pub(super) instance: u32,
    pub(super) service: u32,
    pub(super) book: u32,
    pub(super) terms: Terms,
    pub(super) machine: LeaseHolder,
}

/// Sets the numbers of fetches of one life of a caller apart from those of the next one.
const LIFE: u32 = 32;

impl Directory {
    /// A registry is down, and forgets.
    pub(super) fn close_books(&mut self, id: u32) {
        for book in self.books.iter_mut().filter(|book| book.at == Some(id)) {
            book.registry = None;
        }
    }
}

impl World {
    pub(super) fn start_leases(&mut self) {
        let now = Instant::ZERO;
        for number in 0..self.directory.books.len() as u32 {
            let period = self.directory.books[number as usize].config.eviction;
            let first = self
                .directory
                .span(purpose::EVICTION, number.into(), period);
            self.open_book(now, number, first, true);
        }
        for holder in 0..self.directory.holders.len() as u32 {
            let Holder {
                book,
                instance,
                terms,
                ..
            } = self.directory.holders[holder as usize];
            if let Some(registry) = &mut self.directory.books[book as usize].registry {
                registry.register(now, instance, terms);
            }
            let span = self
                .directory
                .span(purpose::BEAT, holder.into(), terms.heartbeat);
            let mut actions = Vec::new();
            let machine = &self.directory.holders[holder as usize].machine;
            machine.go_on(now, span, &mut actions);
            for action in actions {
                if let LeaseAction::SetTimer(at) = action {
                    self.remind(at, Party::Instance(instance), What::Beat { holder });
                }
            }
        }
        for watch in 0..self.directory.watches.len() as u32 {
            let Source::Leases { subscriber, .. } = &self.directory.watches[watch as usize].source
            else {
                continue;
            };
            let refresh = subscriber.config().refresh;
            let first = self.directory.span(purpose::FETCH, watch.into(), refresh);
            self.start_fetching(now, watch, first);
        }
    }

    fn start_fetching(&mut self, now: Instant, watch: u32, first: Duration) {
        let mut actions = Vec::new();
        let view = &mut self.directory.watches[watch as usize];
        let party = view.party;
        if let Source::Leases { subscriber, .. } = &mut view.source {
            subscriber.start(now, first, &mut actions);
        }
        for action in actions {
            if let SubscriberAction::SetTimer(timer, at) = action {
                self.remind(at, party, What::Fetch { watch, timer });
            }
        }
    }

    /// A registry begins, empty.
    fn open_book(&mut self, now: Instant, number: u32, first: Duration, is_old: bool) {
        let book = &mut self.directory.books[number as usize];
        let registry = Registry::new(book.config, now, first)
            .expect("a model states a share, and a period above 0");
        let registry = if is_old { registry.settled() } else { registry };
        let due = registry.due();
        book.registry = Some(registry);
        self.set_eviction(due, number);
    }

    fn set_eviction(&mut self, due: Instant, book: u32) {
        // What is nowhere needs a party to wait: one that is always up.
        let whose = match self.directory.books[book as usize].at {
            Some(id) => Party::Instance(id),
            None => Party::Clients(0),
        };
        self.remind(due, whose, What::Evict { book });
    }

    pub(super) fn eviction_is_due(&mut self, now: Instant, number: u32) {
        let key = Keyed::child(self.directory.key, purpose::VICTIMS);
        let book = &mut self.directory.books[number as usize];
        let Some(registry) = &mut book.registry else {
            return;
        };
        book.evictions += 1;
        let mut bits = Keyed::new(Keyed::child(
            Keyed::child(key, number.into()),
            book.evictions,
        ));
        registry.evict(now, &mut || bits.next_u64(), &mut Vec::new());
        let due = registry.due();
        self.set_eviction(due, number);
    }

    /// The registries at an instance that starts again begin anew.
    pub(super) fn open_books(&mut self, now: Instant, id: u32) {
        for number in 0..self.directory.books.len() as u32 {
            let book = &self.directory.books[number as usize];
            if book.at == Some(id) {
                let first = book.config.eviction;
                self.open_book(now, number, first, false);
            }
        }
    }

    /// An instance that starts again asks for its leases; as a caller, it fetches at once.
    pub(super) fn take_leases<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        for holder in 0..self.directory.holders.len() as u32 {
            let mine = &self.directory.holders[holder as usize];
            if mine.instance == id {
                let mut actions = Vec::new();
                mine.machine.start(now, &mut actions);
                self.do_lease(now, obs, holder, actions);
            }
        }
        let first_number = u64::from(self.directory.lives[id as usize]) << LIFE;
        for watch in 0..self.directory.watches.len() as u32 {
            let view = &mut self.directory.watches[watch as usize];
            if view.party != Party::Instance(id) {
                continue;
            }
            if let Source::Leases { subscriber, .. } = &mut view.source {
                *subscriber = Subscriber::new(subscriber.config(), first_number)
                    .expect("a configuration that has been taken before");
                self.start_fetching(now, watch, Duration::ZERO);
            }
        }
    }

    pub(super) fn beat_is_due<O: Observer>(&mut self, now: Instant, obs: &mut O, holder: u32) {
        let mut actions = Vec::new();
        let machine = &self.directory.holders[holder as usize].machine;
        machine.on_timer(now, &mut actions);
        self.do_lease(now, obs, holder, actions);
    }

    fn do_lease<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        holder: u32,
        actions: Vec<LeaseAction>,
    ) {
        for action in actions {
            let letter = match action {
                LeaseAction::Register => Letter::Register { holder },
                LeaseAction::Renew => Letter::Renew { holder },
                LeaseAction::SetTimer(at) => {
                    let whose = self.directory.holders[holder as usize].instance;
                    self.remind(at, Party::Instance(whose), What::Beat { holder });
                    continue;
                }
            };
            let Holder {
                instance,
                service,
                book,
                ..
            } = self.directory.holders[holder as usize];
            match self.directory.books[book as usize].at {
                Some(id) => {
                    let way = (Party::Instance(instance), Party::Instance(id));
                    self.tell(now, obs, service, way, letter);
                }
                None => {
                    obs.discovery(now, service as usize, DiscoveryFact::Message);
                    match letter {
                        Letter::Register { .. } => self.registers(now, holder),
                        _ => self.renews(now, obs, holder),
                    }
                }
            }
        }
    }

    pub(super) fn registers(&mut self, now: Instant, holder: u32) {
        let Holder {
            instance,
            book,
            terms,
            ..
        } = self.directory.holders[holder as usize];
        if let Some(registry) = &mut self.directory.books[book as usize].registry {
            registry.register(now, instance, terms);
        }
    }

    pub(super) fn renews<O: Observer>(&mut self, now: Instant, obs: &mut O, holder: u32) {
        let Holder {
            instance,
            service,
            book,
            ..
        } = self.directory.holders[holder as usize];
        let book = &mut self.directory.books[book as usize];
        let Some(registry) = &mut book.registry else {
            return;
        };
        if registry.renew(now, instance) {
            return;
        }
        match book.at {
            Some(id) => {
                let way = (Party::Instance(id), Party::Instance(instance));
                self.tell(now, obs, service, way, Letter::Unknown { holder });
            }
            None => self.is_unknown(now, obs, holder),
        }
    }

    pub(super) fn is_unknown<O: Observer>(&mut self, now: Instant, obs: &mut O, holder: u32) {
        let mut actions = Vec::new();
        let machine = &self.directory.holders[holder as usize].machine;
        machine.on_unknown(&mut actions);
        self.do_lease(now, obs, holder, actions);
    }

    pub(super) fn fetch_is_due<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        watch: u32,
        timer: SubscriberTimer,
    ) {
        let mut actions = Vec::new();
        if let Source::Leases { subscriber, .. } =
            &mut self.directory.watches[watch as usize].source
        {
            subscriber.on_timer(now, timer, &mut actions);
        }
        self.do_fetch(now, obs, watch, actions);
    }

    fn do_fetch<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        watch: u32,
        actions: Vec<SubscriberAction>,
    ) {
        let view = &self.directory.watches[watch as usize];
        let (party, service) = (view.party, view.service);
        let Source::Leases { books, .. } = view.source else {
            return;
        };
        for action in actions {
            match action {
                SubscriberAction::SetTimer(timer, at) => {
                    self.remind(at, party, What::Fetch { watch, timer });
                }
                SubscriberAction::Fetch { registry, number } => {
                    let book = books.0 + registry;
                    match self.directory.books[book as usize].at {
                        Some(id) => {
                            let letter = Letter::Fetch { watch, number };
                            let way = (party, Party::Instance(id));
                            self.tell(now, obs, service, way, letter);
                        }
                        None => {
                            obs.discovery(now, service as usize, DiscoveryFact::Message);
                            if let Some(list) = self.list(now, book, service) {
                                self.has_list(now, obs, watch, number, &list);
                            }
                        }
                    }
                }
            }
        }
    }

    /// The instances of a service that a registry knows, by their numbers in it; `None` while it
    /// keeps silent.
    fn list(&self, now: Instant, book: u32, service: u32) -> Option<Box<[u32]>> {
        let registry = self.directory.books[book as usize].registry.as_ref()?;
        if !registry.speaks(now) {
            return None;
        }
        let first = self.first_instances[service as usize];
        let count = self.services[service as usize].instances;
        let theirs = registry.instances().filter_map(|id| id.checked_sub(first));
        Some(theirs.filter(|local| *local < count).collect())
    }

    pub(super) fn asked_for_list<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        at: Party,
        watch: u32,
        number: u64,
    ) {
        let view = &self.directory.watches[watch as usize];
        let (caller, service) = (view.party, view.service);
        let Source::Leases { books, .. } = view.source else {
            return;
        };
        let mut theirs = books.0..books.0 + books.1;
        let here = |book: &u32| {
            let at_instance = self.directory.books[*book as usize].at;
            at_instance.map(Party::Instance) == Some(at)
        };
        let Some(book) = theirs.find(here) else {
            return;
        };
        let letter = match self.list(now, book, service) {
            Some(instances) => Letter::List {
                watch,
                number,
                instances,
            },
            None => Letter::NoList { watch, number },
        };
        self.tell(now, obs, service, (at, caller), letter);
    }

    pub(super) fn has_list<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        watch: u32,
        number: u64,
        list: &[u32],
    ) {
        let view = &mut self.directory.watches[watch as usize];
        let count = view.known.len() as u32;
        let Source::Leases { subscriber, .. } = &mut view.source else {
            return;
        };
        if subscriber.on_list(number) {
            for local in 0..count {
                let alive = list.binary_search(&local).is_ok();
                self.believe(now, obs, watch, local, alive);
            }
        }
    }

    pub(super) fn has_no_list<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        watch: u32,
        number: u64,
    ) {
        let mut actions = Vec::new();
        if let Source::Leases { subscriber, .. } =
            &mut self.directory.watches[watch as usize].source
        {
            subscriber.on_failed(now, number, &mut actions);
        }
        self.do_fetch(now, obs, watch, actions);
    }
}

/// How callers fetch: Eureka's client waits five seconds for a connection.
pub(super) fn fetching(refresh: Duration, registries: u32) -> SubscriberConfig {
    SubscriberConfig {
        refresh,
        timeout: Duration::from_secs(5).min(refresh),
        registries,
    }
}
