//! Replays recorded exchanges and holds every connector to its contract.
//!
//! Two things a connector's tests stand on:
//!
//! - [`Replay`] and [`run_scenario`] play `fixtures/<vendor>/<scenario>/` over a real socket, strictly.
//! - [`contract!`] writes the tests every connector passes: the scenarios, and what is checked against its simulator.
//!
//! `docs/fixtures.md` shows how to add a scenario and what `contract.json` holds. This crate knows no connector.

mod cassette;
mod contract;
mod expectation;
mod network;
mod pattern;
mod player;
mod readable;
mod replay;
mod scenario;
mod side_by_side;

pub use cassette::{Cassette, Exchange, Label, Lost, Order, Reply, RequestPattern, fixture_folder};
pub use contract::{Check, Contract};
pub use readable::{WriteText, parse_value, record, value};
pub use replay::Replay;
pub use scenario::{WholeScan, read_whole, run_scenario};

/// The tests every connector passes, as one line of its `tests/contract.rs`.
///
/// `fixtures` names the folder below `fixtures/`, which holds the scenarios, `contract.json` and `errors.json`. `simulator` makes a fresh simulator whose
/// credentials are those of `contract.json`; each check starts several.
///
/// ```text
/// //! Acme keeps the connector contract.
/// rightful_testkit::contract!(connector_acme::DESCRIPTOR, fixtures = "acme", simulator = || std::sync::Arc::new(connector_acme::sim::Acme::small()));
/// ```
#[macro_export]
macro_rules! contract {
    ($descriptor:expr, fixtures = $fixtures:expr, simulator = $simulator:expr $(,)?) => {
        fn contract() -> $crate::Contract {
            $crate::Contract::load(&$descriptor, $fixtures, $simulator)
        }

        $crate::contract!(@tests
            every_scenario_comes_out_as_expected = Scenarios,
            enough_scenarios_cover_what_is_declared = Coverage,
            settings_are_checked_and_secrets_stay_secret = Settings,
            what_is_declared_is_real = Declared,
            every_row_is_read_whatever_the_order_of_pages = Paging,
            changes_are_found_also_with_equal_timestamps = Incremental,
            each_write_of_a_batch_answers_for_itself = PartialWrites,
            a_lost_answer_never_becomes_a_false_claim = UnknownFate,
            each_failure_has_its_kind = Errors,
            signing_in_happens_once_and_a_refusal_is_final = SignIn,
            no_log_line_holds_a_secret = LogSecrecy,
        );
    };
    (@tests $($name:ident = $check:ident),+ $(,)?) => {
        $(
            #[test]
            fn $name() {
                contract().hold($crate::Check::$check);
            }
        )+
    };
}
