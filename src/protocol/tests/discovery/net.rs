//! A network of nodes that crash, start again and lose messages, until a time from which on all is
//! calm. It knows nothing of what nodes say.

use crate::random::Random;
use clock::{Duration, Instant};
use std::collections::BTreeMap;

/// What a node asks of the network.
pub(crate) struct Cx<M, T> {
    pub(crate) now: Instant,
    pub(crate) me: u32,
    pub(crate) sent: Vec<(u32, M)>,
    pub(crate) set: Vec<(Instant, T)>,
}

/// What runs at a node; a crash drops it.
pub(crate) trait Node {
    type Mail;
    type Timer;
    /// It starts; at the very beginning or after a crash.
    fn start(&mut self, cx: &mut Cx<Self::Mail, Self::Timer>);
    fn on_mail(&mut self, from: u32, mail: Self::Mail, cx: &mut Cx<Self::Mail, Self::Timer>);
    fn on_timer(&mut self, timer: Self::Timer, cx: &mut Cx<Self::Mail, Self::Timer>);
    /// By instance: whether it believes that it is alive; `None`: it is not asked.
    fn view(&self) -> Option<Vec<bool>>;
}

enum Event<M, T> {
    Mail {
        from: u32,
        to: u32,
        mail: M,
    },
    Timer {
        at: u32,
        life: u32,
        timer: T,
    },
    Crash(u32),
    Start(u32),
    /// Two halves, by whether the bit of a node is set.
    Split(u64),
}

/// What goes wrong until all is calm.
pub(crate) struct Weather {
    pub(crate) loss: f64,
    pub(crate) slowest: Duration,
    pub(crate) calm: Instant,
}

type Make<N> = Box<dyn Fn(u32, Instant, u32) -> N>;

pub(crate) struct Net<N: Node> {
    pub(crate) now: Instant,
    queue: BTreeMap<(Instant, u64), Event<N::Mail, N::Timer>>,
    scheduled: u64,
    make: Make<N>,
    pub(crate) nodes: Vec<Option<N>>,
    lives: Vec<u32>,
    split: u64,
    weather: Weather,
    random: Random,
    pub(crate) messages: u64,
}

impl<N: Node> Net<N> {
    /// `make` makes a node by its number, when it starts, and how often it did before.
    pub(crate) fn new(
        nodes: u32,
        seed: u64,
        weather: Weather,
        make: impl Fn(u32, Instant, u32) -> N + 'static,
    ) -> Self {
        let mut net = Self {
            now: Instant::ZERO,
            queue: BTreeMap::new(),
            scheduled: 0,
            make: Box::new(make),
            nodes: (0..nodes).map(|_| None).collect(),
            lives: vec![0; nodes as usize],
            split: 0,
            weather,
            random: Random::new(seed),
            messages: 0,
        };
        for node in 0..nodes {
            net.begin(node);
        }
        net
    }

    fn schedule(&mut self, at: Instant, event: Event<N::Mail, N::Timer>) {
        self.scheduled += 1;
        self.queue.insert((at, self.scheduled), event);
    }

    pub(crate) fn crash(&mut self, at: Instant, node: u32) {
        self.schedule(at, Event::Crash(node));
    }

    pub(crate) fn restart(&mut self, at: Instant, node: u32) {
        self.schedule(at, Event::Start(node));
    }

    pub(crate) fn split(&mut self, at: Instant, halves: u64) {
        self.schedule(at, Event::Split(halves));
    }

    fn begin(&mut self, node: u32) {
        if self.nodes[node as usize].is_some() {
            return;
        }
        let life = self.lives[node as usize];
        self.nodes[node as usize] = Some((self.make)(node, self.now, life));
        self.with(node, |node, cx| node.start(cx));
    }

    fn with(&mut self, number: u32, act: impl FnOnce(&mut N, &mut Cx<N::Mail, N::Timer>)) {
        let life = self.lives[number as usize];
        let Some(node) = &mut self.nodes[number as usize] else {
            return;
        };
        let mut cx = Cx {
            now: self.now,
            me: number,
            sent: Vec::new(),
            set: Vec::new(),
        };
        act(node, &mut cx);
        for (at, timer) in cx.set {
            let at_node = number;
            self.schedule(
                at,
                Event::Timer {
                    at: at_node,
                    life,
                    timer,
                },
            );
        }
        for (to, mail) in cx.sent {
            self.messages += 1;
            let sides = (self.split >> number & 1, self.split >> to & 1);
            let is_calm = self.now >= self.weather.calm;
            if sides.0 != sides.1 || !is_calm && self.random.chance(self.weather.loss) {
                continue;
            }
            let most = self.weather.slowest.as_nanos();
            let at = self.now + Duration::from_nanos(self.random.below(most) + 1);
            let from = number;
            self.schedule(at, Event::Mail { from, to, mail });
        }
    }

    /// Runs up to a time, and tells `see` after each event.
    pub(crate) fn run(&mut self, until: Instant, mut see: impl FnMut(&Self)) {
        while let Some(entry) = self.queue.first_entry()
            && entry.key().0 <= until
        {
            let ((at, _), event) = entry.remove_entry();
            self.now = at;
            match event {
                Event::Mail { from, to, mail } => {
                    self.with(to, |node, cx| node.on_mail(from, mail, cx));
                }
                Event::Timer {
                    at: node,
                    life,
                    timer,
                } => {
                    if life == self.lives[node as usize] {
                        self.with(node, |node, cx| node.on_timer(timer, cx));
                    }
                }
                Event::Crash(node) => {
                    self.nodes[node as usize] = None;
                    self.lives[node as usize] += 1;
                }
                Event::Start(node) => self.begin(node),
                Event::Split(halves) => self.split = halves,
            }
            see(self);
        }
        self.now = until;
    }

    /// Whose view of the first `instances` nodes is not the truth.
    pub(crate) fn wrong(&self, instances: u32) -> Vec<(u32, Vec<bool>)> {
        let truth: Vec<bool> = self.nodes[..instances as usize]
            .iter()
            .map(Option::is_some)
            .collect();
        let views = (0..).zip(&self.nodes);
        let views = views.filter_map(|(node, state)| Some((node, state.as_ref()?.view()?)));
        views.filter(|(_, view)| *view != truth).collect()
    }
}
