//! Instances that get another version: out of the rotation, empty, down, up again.
//!
//! Callers leave an instance out at the very moment at which it is to stop: no request is sent to it
//! any more, and those under way are served. What it has not served after [`GRACE`] is lost as in a
//! crash. It refuses to know why an instance is replaced.

use super::Alarm;
use crate::observer::Observer;
use crate::state::Doing;
use crate::world::World;
use clock::{Duration, Instant};
use model::CrashMode;

/// Between two looks whether an instance is empty.
const LOOK: Duration = Duration::from_millis(10);
/// After so long an instance that does not become empty is stopped: Kubernetes'
/// `terminationGracePeriodSeconds`.
const GRACE: Duration = Duration::from_secs(30);

/// What is to become of an instance.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Fate {
    /// It serves what it has, and stops; then it starts with the version, or (`None`) stays down.
    Leaves { version: Option<u32>, by: Instant },
    /// It starts with its new version.
    Starts,
    /// It stands by, down.
    Down,
}

impl World {
    /// An instance gets a version: it stops and starts again, or starts.
    pub(super) fn swap<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32, version: u32) {
        self.replace(now, obs, id, Some(version));
    }

    /// An instance stops, and stands by from then on.
    pub(super) fn shut_down<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        self.replace(now, obs, id, None);
    }

    fn replace<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32, version: Option<u32>) {
        self.set_serving(id, false);
        match (self.fate(id), version) {
            (Some(Fate::Down), None) => {}
            (Some(Fate::Down), Some(version)) => self.start(now, obs, id, version),
            (Some(Fate::Leaves { by, .. }), _) => {
                self.deployments.fates[id as usize] = Some(Fate::Leaves { version, by });
            }
            (Some(Fate::Starts) | None, _) => {
                let by = now + GRACE;
                self.deployments.fates[id as usize] = Some(Fate::Leaves { version, by });
                self.consumer_leaves(now, obs, id);
                self.drain(now, obs, id);
            }
        }
    }

    /// An instance that was left out until now stands by where it is down, as the model made it.
    pub(super) fn fate(&self, id: u32) -> Option<Fate> {
        let stands_by = self.instances[id as usize].stands_by;
        stands_by
            .then_some(Fate::Down)
            .or(self.deployments.fates[id as usize])
    }

    /// Whether an instance will run a version, or runs it.
    pub(super) fn has_or_gets(&self, id: u32, wanted: u32) -> bool {
        match self.fate(id) {
            Some(Fate::Leaves { version, .. }) => version == Some(wanted),
            Some(Fate::Down) => false,
            Some(Fate::Starts) | None => self.editions.version(id) == wanted,
        }
    }

    /// Stops an instance when it is empty, or has had its time.
    pub(super) fn drain<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let Some(Fate::Leaves { version, by }) = self.deployments.fates[id as usize] else {
            return;
        };
        if now < by && self.has_work(id) {
            self.remind_of((now + LOOK).min(by), Alarm::Drain(id));
            return;
        }
        self.take_down(now, obs, id);
        match version {
            Some(version) => self.start(now, obs, id, version),
            None => self.deployments.fates[id as usize] = Some(Fate::Down),
        }
    }

    /// Whether requests are at the instance, or on their way to it.
    fn has_work(&self, id: u32) -> bool {
        let instance = &self.instances[id as usize];
        if !instance.is_up() {
            return false;
        }
        let lives = |root: u32| {
            let strand = &self.strands[root];
            let there = strand.instance == id && strand.root == root;
            let gone = matches!(
                strand.doing,
                Doing::Nothing | Doing::Dead | Doing::Answering | Doing::Lost
            );
            there && !gone
        };
        instance.busy > 0 || instance.waiting > 0 || (0..self.strands.slots()).any(lives)
    }

    fn take_down<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        self.crash(now, obs, id, CrashMode::Refuse);
        let instance = &mut self.instances[id as usize];
        instance.stands_by = true;
        self.instances[id as usize].crash_mode = self.crash_mode(id);
    }

    fn start<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32, version: u32) {
        self.set_version(now, obs, id, version);
        self.instances[id as usize].stands_by = false;
        self.deployments.fates[id as usize] = Some(Fate::Starts);
        self.restart(now, id);
    }

    /// An instance is ready.
    pub(crate) fn deployments_up<O: Observer>(&mut self, now: Instant, obs: &mut O, id: u32) {
        let fate = self.deployments.fates.get_mut(id as usize);
        if let Some(fate) = fate.filter(|fate| **fate == Some(Fate::Starts)) {
            *fate = None;
            self.has_version(now, obs, id);
        }
    }

    /// Callers may choose an instance from now on, or not.
    pub(super) fn set_serving(&mut self, id: u32, serves: bool) {
        let (service, local) = {
            let instance = &self.instances[id as usize];
            (instance.service, instance.local as usize)
        };
        let serving = &mut self.deployments.serving[service as usize][local];
        if core::mem::replace(serving, serves) != serves {
            self.show_serving(service);
        }
    }

    /// All callers of a service know who serves it.
    pub(super) fn show_serving(&mut self, service: u32) {
        let serving = &self.deployments.serving[service as usize];
        let all = serving.iter().all(|serves| *serves);
        let serving: Option<Vec<u32>> = (!all).then(|| {
            let locals = (0..).zip(serving).filter(|(_, serves)| **serves);
            locals.map(|(local, _)| local).collect()
        });
        for peers in &mut self.peers {
            if peers.service == service {
                peers.rotate(serving.clone());
            }
        }
    }
}
