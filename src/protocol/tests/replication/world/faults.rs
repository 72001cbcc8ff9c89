//! What goes wrong in a world: crashes, pauses, cut links and power cuts, of anyone or, more often, of
//! whoever leads. Refuses to know what the replicas make of it.

use super::{Event, World};
use clock::Instant;
use stormglass_protocol::replication::*;

impl World {
    /// One of the things that go wrong.
    pub(super) fn fault(&mut self) {
        self.next_fault();
        if self.random.chance(0.2) {
            self.checker.forget(self.checker.everywhere());
        }
        let some = Node(self.random.below(self.nodes.len() as u64) as u32);
        let leading = self.all().find(|&node| self.host(node).leads);
        let node = leading.filter(|_| self.random.chance(0.6)).unwrap_or(some);
        let until = self.now + self.draw(self.settings.fault);
        let from = move |&(from, _): &(Node, Node)| from == node;
        let to = move |&(_, to): &(Node, Node)| to == node;
        match self.random.below(8) {
            0 | 1 => self.crash(node),
            2 => {
                let until = until.min(self.settings.calm);
                self.totals.pauses += 1;
                let host = self.host_mut(node);
                host.paused = host.paused.max(until);
            }
            3 => self.cut(until, |link| from(link) || to(link)),
            4 => self.cut(until, from),
            5 => self.cut(until, to),
            6 => {
                let sides = self.random.next();
                let side = |node: Node| sides >> node.0 & 1;
                self.cut(until, |&(a, b)| side(a) != side(b));
            }
            _ if self.random.chance(0.2) => {
                for node in self.all() {
                    self.crash(node);
                }
            }
            _ => {
                let mut links = self.random.next();
                self.cut(until, |_| {
                    links = links.rotate_left(1);
                    links & 1 == 1
                });
            }
        }
    }

    fn cut(&mut self, until: Instant, which: impl FnMut(&(Node, Node)) -> bool) {
        self.totals.cuts += 1;
        let all = self.all();
        let links = all.clone().flat_map(|a| all.clone().map(move |b| (a, b)));
        let links: Vec<_> = links.filter(which).collect();
        for &link in &links {
            *self.cuts.entry(link).or_insert(0) += 1;
        }
        self.schedule(until.min(self.settings.calm), Event::Heal(links));
    }

    pub(super) fn next_fault(&mut self) {
        let at = self.now + self.draw(self.settings.faults);
        if at < self.settings.calm {
            self.schedule(at, Event::Fault);
        }
    }

    pub(super) fn crash(&mut self, node: Node) {
        if !self.host(node).up {
            return;
        }
        self.totals.crashes += 1;
        if self.settings.trace {
            self.note(&format!("  {node} crashes"));
        }
        // Of what was on its way to the disk, some may have arrived: then nobody heard of it.
        let pending = self.host(node).writing.len() as u64;
        let lucky = self.random.below(pending + 1);
        let now = self.now;
        let host = self.host_mut(node);
        for _ in 0..lucky {
            let token = host.writing.pop_front().expect("it was counted");
            let unheard = &mut Vec::new();
            let dice = &mut host.dice;
            host.replica.on_forced(now, token, dice, unheard);
        }
        host.replica.crash();
        host.up = false;
        host.leads = false;
        host.life += 1;
        host.paused = Instant::ZERO;
        host.busy = Instant::ZERO;
        host.writing.clear();
        host.waiting.clear();
        for key in std::mem::take(&mut host.timers).into_values() {
            self.events.remove(&key);
        }
        self.checker.crashed(node);
        let at = self.now + self.draw(self.settings.downtime);
        let at = at.min(self.settings.calm).max(self.now);
        self.schedule(at, Event::Recover(node));
    }
}
