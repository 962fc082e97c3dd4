//! Stands before a simulator: gives it the week's time, notes every change of owners, and holds or spoils requests when it is told to.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use rightful_core::{Clock as _, HeldClock, Instant};
use rightful_sim::{Method, SimClock, SimRequest, SimResponse, Simulator};
use serde_json::Value as Json;

use super::PATIENCE;

/// User ids, as the ledger writes them.
pub type Owners = BTreeSet<String>;

/// Who changed owners.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Program,
    Hand,
}

/// One change of a customer's owners, as the simulator saw it.
#[derive(Clone, Debug)]
pub struct Moved {
    pub customer: i64,
    pub before: Owners,
    pub after: Owners,
    pub by: By,
    pub at: Instant,
}

/// Which requests stand still until they are let go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Those that read, before the simulator sees them.
    Reading,
    /// Those that write, after the simulator has done what they want.
    Written,
}

#[derive(Debug, Default)]
struct Desk {
    owners: BTreeMap<i64, Owners>,
    moves: Vec<Moved>,
    spoil: Option<&'static str>,
    door: Option<Door>,
    held: usize,
}

/// A simulator that is watched.
pub struct Witness {
    inner: Arc<dyn Simulator>,
    clock: HeldClock,
    desk: Mutex<Desk>,
    opened: Condvar,
}

impl Witness {
    pub fn new(inner: Arc<dyn Simulator>, clock: HeldClock) -> Arc<Self> {
        let witness = Arc::new(Self { inner, clock, desk: Mutex::default(), opened: Condvar::new() });
        witness.note(By::Hand);
        witness
    }

    /// The next request that writes customers meets this fault of the vendor's own.
    pub fn spoil_next_write(&self, fault: &'static str) {
        self.desk().spoil = Some(fault);
    }

    /// Has a request met it?
    pub fn was_spoiled(&self) -> bool {
        self.desk().spoil.is_none()
    }

    /// From now on these requests stand still.
    pub fn shut(&self, door: Door) {
        self.desk().door = Some(door);
    }

    /// Lets go whatever stands still.
    pub fn open(&self) {
        self.desk().door = None;
        self.opened.notify_all();
    }

    /// Does a request stand still?
    pub fn holds_one(&self) -> bool {
        self.desk().held > 0
    }

    /// Every change of owners so far, in order.
    pub fn moves(&self) -> Vec<Moved> {
        self.desk().moves.clone()
    }

    /// What a person does through the vendor's own interface: neither spoiled nor held.
    pub fn ask(&self, request: &SimRequest) -> SimResponse {
        let answer = self.inner.answer(request, &SimClock::fixed(self.clock.now()));
        self.note(By::Hand);
        answer
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().expect("nobody breaks down while holding it")
    }

    fn note(&self, by: By) {
        let mut desk = self.desk();
        let at = self.clock.now();
        for (customer, after) in owners(&self.inner.dump()) {
            match desk.owners.insert(customer, after.clone()) {
                Some(before) if before != after => desk.moves.push(Moved { customer, before, after, by, at }),
                _ => {}
            }
        }
    }

    fn stand(&self, door: Door) {
        if self.desk().door != Some(door) {
            return;
        }
        tokio::task::block_in_place(|| {
            let mut desk = self.desk();
            desk.held += 1;
            let waited = self.opened.wait_timeout_while(desk, PATIENCE, |desk| desk.door == Some(door));
            waited.expect("nobody breaks down while holding it").0.held -= 1;
        });
    }
}

/// Owners by customer; empty for a vendor that keeps none.
fn owners(dump: &Json) -> BTreeMap<i64, Owners> {
    let rows = dump["customers"].as_array().into_iter().flatten();
    rows.filter_map(|row| {
        let users = row["assigned_users"].as_array()?;
        Some((row["id"].as_i64()?, users.iter().map(Json::to_string).collect()))
    })
    .collect()
}

impl Simulator for Witness {
    fn vendor(&self) -> &'static str {
        self.inner.vendor()
    }

    fn answer(&self, request: &SimRequest, clock: &SimClock) -> SimResponse {
        let writes = request.method == Method::PATCH;
        if !writes {
            self.stand(Door::Reading);
        }
        clock.set(Some(self.clock.now()));
        let mut request = request.clone();
        if writes && request.path.ends_with("/customers") {
            request.fault = self.desk().spoil.take().map(str::to_owned).or(request.fault);
        }
        let answer = self.inner.answer(&request, clock);
        if writes {
            self.note(By::Program);
            self.stand(Door::Written);
        }
        answer
    }

    fn dump(&self) -> Json {
        self.inner.dump()
    }

    fn control(&self, name: &str, body: Json, clock: &SimClock) -> Result<Json, String> {
        clock.set(Some(self.clock.now()));
        let answer = self.inner.control(name, body, clock);
        self.note(By::Hand);
        answer
    }

    fn faults(&self) -> &'static [(&'static str, &'static str)] {
        self.inner.faults()
    }

    fn base_path(&self) -> &'static str {
        self.inner.base_path()
    }
}
