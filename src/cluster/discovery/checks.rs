//! Health checks: each caller probes each instance, and an instance that is up answers at once,
//! whatever its load.

use super::view::Source;
use super::{Letter, What, purpose};
use crate::observer::Observer;
use crate::post::Party;
use crate::world::World;
use clock::{Duration, Instant};
use protocol::discovery::{HealthAction, HealthChecker, HealthTimer};

impl World {
    pub(super) fn start_checks(&mut self) {
        for watch in 0..self.directory.watches.len() as u32 {
            let view = &self.directory.watches[watch as usize];
            let Source::Checks(checkers) = &view.source else {
                continue;
            };
            for local in 0..checkers.len() as u32 {
                let number = u64::from(watch) << 32 | u64::from(local);
                let Some(interval) = self.check_interval(watch) else {
                    continue;
                };
                let first = self.directory.span(purpose::CHECK, number, interval);
                self.start_check(Instant::ZERO, watch, local, first);
            }
        }
    }

    fn check_interval(&self, watch: u32) -> Option<Duration> {
        match &self.directory.watches[watch as usize].source {
            Source::Checks(checkers) => Some(checkers.first()?.config().interval),
            _ => None,
        }
    }

    fn start_check(&mut self, now: Instant, watch: u32, local: u32, first: Duration) {
        let mut actions = Vec::new();
        let view = &mut self.directory.watches[watch as usize];
        let party = view.party;
        if let Source::Checks(checkers) = &mut view.source {
            checkers[local as usize].start(now, first, &mut actions);
        }
        for action in actions {
            if let HealthAction::SetTimer(timer, at) = action {
                let what = What::Check {
                    watch,
                    local,
                    timer,
                };
                self.remind(at, party, what);
            }
        }
    }

    /// A caller that starts again has no opinion, and probes at once.
    pub(super) fn restart_checks(&mut self, now: Instant, id: u32) {
        let first_number = u64::from(self.directory.lives[id as usize]) << 32;
        for watch in 0..self.directory.watches.len() as u32 {
            let view = &mut self.directory.watches[watch as usize];
            if view.party != Party::Instance(id) {
                continue;
            }
            let Source::Checks(checkers) = &mut view.source else {
                continue;
            };
            for checker in checkers.iter_mut() {
                *checker = HealthChecker::new(checker.config(), first_number)
                    .expect("a configuration that has been taken before");
            }
            for local in 0..checkers.len() as u32 {
                self.start_check(now, watch, local, Duration::ZERO);
            }
        }
    }

    pub(super) fn check_is_due<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        watch: u32,
        local: u32,
        timer: HealthTimer,
    ) {
        let mut actions = Vec::new();
        if let Source::Checks(checkers) = &mut self.directory.watches[watch as usize].source {
            checkers[local as usize].on_timer(now, timer, &mut actions);
        }
        self.do_checks(now, obs, watch, local, actions);
    }

    /// An instance is probed: it answers, or its machine refuses the connection.
    pub(super) fn probed<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        way: (Party, Party),
        watch: u32,
        number: u64,
        is_good: bool,
    ) {
        let service = self.directory.watches[watch as usize].service;
        let letter = Letter::Probed {
            watch,
            number,
            is_good,
        };
        self.tell(now, obs, service, way, letter);
    }

    pub(super) fn probe_answered<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        from: Party,
        watch: u32,
        number: u64,
        is_good: bool,
    ) {
        let Party::Instance(id) = from else { return };
        let local = self.instances[id as usize].local;
        let mut actions = Vec::new();
        if let Source::Checks(checkers) = &mut self.directory.watches[watch as usize].source {
            checkers[local as usize].on_answer(number, is_good, &mut actions);
        }
        self.do_checks(now, obs, watch, local, actions);
    }

    fn do_checks<O: Observer>(
        &mut self,
        now: Instant,
        obs: &mut O,
        watch: u32,
        local: u32,
        actions: Vec<HealthAction>,
    ) {
        let view = &self.directory.watches[watch as usize];
        let (party, service) = (view.party, view.service);
        let instance = Party::Instance(self.first_instances[service as usize] + local);
        for action in actions {
            match action {
                HealthAction::Probe(number) => {
                    let letter = Letter::Probe { watch, number };
                    self.tell(now, obs, service, (party, instance), letter);
                }
                HealthAction::SetTimer(timer, at) => {
                    let what = What::Check {
                        watch,
                        local,
                        timer,
                    };
                    self.remind(at, party, what);
                }
                HealthAction::Changed(alive) => self.believe(now, obs, watch, local, alive),
            }
        }
    }
}
