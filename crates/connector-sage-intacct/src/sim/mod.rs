//! The stand-in for Sage Intacct: a stateful XML gateway written from the vendor's documentation, for the sandbox and for tests.
//!
//! Sources: <https://developer.intacct.com/web-services/>, <https://developer.intacct.com/api/>, the published schema
//! <https://github.com/Intacct/intacct_dtd>. Where the vendor's behaviour is not documented, [`Switches`] choose.

mod answer;
mod control;
mod faults;
mod filter;
mod formatting;
mod functions;
mod gateway;
mod kinds;
mod options;
mod request;
mod schema;
mod seed;
mod session;
mod stand_in;
mod state;
mod table;
mod where_text;
mod xml;

#[cfg(test)]
mod tests;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rightful_sim::{SimClock, SimRequest, SimResponse, Simulator};

pub use formatting::Formatting;
pub use options::{
    ContactSeed, CustomField, CustomerSeed, EmployeeSeed, EntitySeed, Options, Permissions, RollBack, Seed, Switches, UserSeed,
};
pub use stand_in::STAND_IN;

use state::State;

/// The gateway's path.
const PATH: &str = "/ia/xml/xmlgw.phtml";

/// A simulated Sage Intacct company behind its gateway.
///
/// What a person would do in the product goes through [`Simulator::control`], with a JSON object as body:
///
/// | Control | Body | Does |
/// | --- | --- | --- |
/// | `set-customer` | `CUSTOMERID` and fields | changes a customer, with the product's checks |
/// | `delete-customer` | `CUSTOMERID` | deletes one |
/// | `empty-customers` | | deletes them all at once |
/// | `set-employee` | `EMPLOYEEID` and fields; `CONTACTNAME` is the person | changes an employee |
/// | `set-contact` | `CONTACTNAME` and fields | changes a contact |
/// | `set-user` | `LOGINID` and fields; also `CONTACTNAME`, `password`, `permissions`, `formatting` | changes a user |
/// | `switches` | some of [`Switches`] | changes how the simulator behaves |
/// | `expire-sessions` | | ends every session |
/// | `sign-ins`, `meter` | | counters: good and refused sign-ins; pages, writes, calls by function |
/// | `reset` | | back to the first records and switches |
///
/// ```
/// use connector_sage_intacct::sim::{Options, SageIntacctSim};
/// use rightful_sim::Simulator;
///
/// let sim = SageIntacctSim::new(Options { customers: Some(100), ..Options::default() });
/// assert_eq!(sim.dump()["customers"].as_array().map(Vec::len), Some(100));
/// ```
#[derive(Debug)]
pub struct SageIntacctSim {
    state: Mutex<State>,
    /// What `reset` returns to.
    first: Options,
    first_seed: Mutex<Option<Seed>>,
    in_flight: AtomicUsize,
    limit: AtomicUsize,
}

impl SageIntacctSim {
    /// A company with its default people and customers.
    pub fn new(options: Options) -> Self {
        let mut state = State::new(options.clone());
        let records = seed::invented(&options);
        seed::load(&mut state, &records, chrono::Utc::now().timestamp());
        Self {
            limit: AtomicUsize::new(options.switches.concurrency),
            state: Mutex::new(state),
            first: options,
            first_seed: Mutex::new(None),
            in_flight: AtomicUsize::new(0),
        }
    }

    /// Replaces people and customers. The user of [`Options::user`] stays, and keeps its contact when the seed lacks one.
    pub fn load(&self, records: Seed) {
        seed::load(&mut self.held(), &records, chrono::Utc::now().timestamp());
        *self.first_seed.lock().unwrap_or_else(PoisonError::into_inner) = Some(records);
    }

    /// Records whose origin and time are not given are dated by this clock: for tests whose clock stands still.
    pub fn load_at(&self, records: Seed, clock: &SimClock) {
        seed::load(&mut self.held(), &records, clock.now().timestamp());
        *self.first_seed.lock().unwrap_or_else(PoisonError::into_inner) = Some(records);
    }

    /// Changes how the simulator behaves from now on.
    pub fn set_switches(&self, switches: Switches) {
        self.limit.store(switches.concurrency, Ordering::Relaxed);
        self.held().switches = switches;
    }

    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Simulator for SageIntacctSim {
    fn vendor(&self) -> &'static str {
        "sage-intacct"
    }

    fn answer(&self, request: &SimRequest, clock: &SimClock) -> SimResponse {
        let width = self.in_flight.fetch_add(1, Ordering::AcqRel) + 1;
        let limit = self.limit.load(Ordering::Relaxed);
        let response = if limit > 0 && width > limit { faults::Fault::new(Some("gw-0010")).instead(request.number) } else { None };
        let response = response.unwrap_or_else(|| self.visit(request, clock));
        self.in_flight.fetch_sub(1, Ordering::AcqRel);
        let mut state = self.held();
        state.meter.widest = state.meter.widest.max(width);
        drop(state);
        response
    }

    fn dump(&self) -> serde_json::Value {
        control::dump(&self.held())
    }

    fn control(&self, name: &str, body: serde_json::Value, clock: &SimClock) -> Result<serde_json::Value, String> {
        self.steer(name, body, clock)
    }

    fn faults(&self) -> &'static [(&'static str, &'static str)] {
        faults::FAULTS
    }

    fn base_path(&self) -> &'static str {
        PATH
    }
}
